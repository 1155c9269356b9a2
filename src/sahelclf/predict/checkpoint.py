"""A job's folder beside OUT: rows so far, rejects so far, how far the input was read, and a lock.

Every file but `progress.json` is appended to; `progress.json` says how long each was when all of
them were whole, and is renamed into place. Resuming cuts the files back to that, so that a kill at
any moment neither loses nor repeats a row.
"""

import hashlib
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from filelock import FileLock, Timeout

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.evaluation.provenance import about_path
from sahelclf.predict.inputs import Source

PARTS = ("rows", "rejects", "copies")
FILES = {*PARTS, "lock", "final", "about", "progress.json", "progress.json.new"}
# A checkpoint waits for the disk, and the work of a second is quickly done again.
SECONDS_BETWEEN = 1.0


@dataclass
class Progress:
    """State of a job; `file` and `taken` say where in the input it is."""

    about: dict[str, str]
    resumable: bool
    file: int = 0
    taken: int = 0
    carried: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    final: str = ""  # once all rows are written: the file here that becomes OUT


class Job:
    """A context; after a failure nothing is left, or with `resume` what is needed to resume."""

    def __init__(self, out: Path, about: dict[str, str], *, resume: bool) -> None:
        self.out, self.about, self.resume = out, about, resume
        self.folder = out.with_name(out.name + ".part")
        self.rejects_path = out.with_name(out.name + ".rejects.jsonl")
        self.progress = Progress(about, resume)
        self.parts: dict[str, BinaryIO] = {}
        self._last = float("-inf")

    def __enter__(self) -> Self:
        if self.folder.exists() and {p.name for p in self.folder.iterdir()} - FILES:
            raise RequestError(
                f"{self.folder}: contains files that sahelclf did not write; choose another OUT"
            )
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = FileLock(self.folder / "lock")
            self._lock.acquire(timeout=0)
        except Timeout:
            raise RequestError(
                f"{self.out}: another process is writing it; wait for that one, or choose "
                "another OUT"
            ) from None
        except OSError as error:
            raise SahelclfError(f"{self.out}: cannot be written: {error.strerror}") from error
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def save(self, *, now: bool = False) -> None:
        """Bring what is written to the disk, and note it; at most once a second unless `now`."""
        if not now and time.monotonic() - self._last < SECONDS_BETWEEN:
            return
        for name, stream in self.parts.items():
            stream.flush()
            os.fsync(stream.fileno())
            self.progress.sizes[name] = stream.tell()
        path = self.folder / "progress.json.new"
        with path.open("w", encoding="utf-8") as text:
            json.dump(asdict(self.progress), text, ensure_ascii=False)
            text.flush()
            os.fsync(text.fileno())
        path.replace(self.folder / "progress.json")
        self._last = time.monotonic()

    def finish(self, final: str = "rows", *, rejected: int) -> None:
        """Name the rejects, OUT, and what it says of its bundle.

        A killed process may have done some of the steps. What an earlier OUT said is gone before
        the new one has its name: OUT never says another bundle than its own.
        """
        if not self.progress.final:
            self.progress.final = final
            self.save(now=True)
        self._publish_rejects(rejected)
        path = self.folder / self.progress.final
        if path.exists():
            about_path(self.out).unlink(missing_ok=True)
            path.replace(self.out)
        if (self.folder / "about").exists():
            (self.folder / "about").replace(about_path(self.out))
        self._remove()

    def give_up(self) -> None:
        """No row was labelled: keep the rejects, leave OUT as it was."""
        self._publish_rejects(1)
        self._remove()

    def _publish_rejects(self, count: int) -> None:
        for stream in self.parts.values():
            stream.close()
        if not count:
            self.rejects_path.unlink(missing_ok=True)
        elif (self.folder / "rejects").exists():
            (self.folder / "rejects").replace(self.rejects_path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.folder.exists():
            if kind is not None and not (self.resume and (self.folder / "progress.json").exists()):
                self._remove()
            self._close()

    def _open(self) -> None:
        saved = self._saved()
        if saved is not None:
            self.progress = saved
            self.progress.resumable = True
            if saved.final:
                return
        for name in PARTS:
            path = self.folder / name
            path.touch()
            size = self.progress.sizes.get(name, 0)
            if path.stat().st_size < size:
                raise RequestError(
                    f"{path}: shorter than {self.folder / 'progress.json'} says; delete "
                    "the folder to start over"
                )
            self.parts[name] = stream = path.open("r+b")
            stream.truncate(size)
            stream.seek(size)

    def _saved(self) -> Progress | None:
        path = self.folder / "progress.json"
        if not path.exists():
            return None
        try:
            saved = Progress(**json.loads(path.read_text(encoding="utf-8")))
            changed = [
                name
                for name in {**saved.about, **self.about}
                if saved.about.get(name) != self.about.get(name)
            ]
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise RequestError(f"{path}: damaged; delete the folder to start over") from None
        if not self.resume:
            if saved.resumable:
                raise RequestError(
                    f"{self.folder}: an unfinished job is kept there; resume it with "
                    "--resume, or delete the folder to start over"
                )
            path.unlink()
            return None
        if changed:
            raise RequestError(
                [
                    f"{self.folder}: {name} is not as it was when the job began; delete "
                    "the folder to start over"
                    for name in changed
                ]
            )
        return saved

    def _close(self) -> None:
        for stream in self.parts.values():
            with suppress(OSError):  # what failed to be written has reported a full disk
                stream.close()
        self._lock.release()

    def _remove(self) -> None:
        """Take the folder away; the lock goes last."""
        for stream in self.parts.values():
            with suppress(OSError):
                stream.close()
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink()
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def input_sha256(source: Source) -> str:
    """Hash of the names and contents of what a job reads."""
    total = hashlib.sha256(source.stdin)
    for path in source.paths:
        try:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:  # the reader rejects it and says why
            content = str(error.errno)
        total.update(f"{path.name}\0{content}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()
