"""What a long training keeps of itself, so that a killed one goes on: finished fits, and the fit under way."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.files import file_aside

SETTINGS = "settings.json"


class Checkpoint:
    """A folder of held-out logits by fit, and a checkpoint; without a folder nothing is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.lock = FileLock(folder / "lock") if folder is not None else None

    @classmethod
    def create(cls, folder: Path, settings: Mapping[str, Any]) -> "Checkpoint":
        """Make the folder, and write down what the training was asked for."""
        try:
            folder.mkdir(parents=True)
            (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise SahelclfError(
                f"{folder}: cannot be written, and a long training keeps itself there: {error.strerror}"
            ) from error
        return cls(folder)._locked()

    @classmethod
    def resume(cls, folder: Path) -> tuple["Checkpoint", dict[str, Any]]:
        """What an earlier training left, and what it was asked for."""
        path = folder / SETTINGS
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            there = sorted(p.parent.name for p in folder.parent.glob(f"*/{SETTINGS}"))
            raise RequestError(
                f"resume={folder.name}: nothing was kept of such a run in {folder.parent.absolute()}; "
                + (
                    f"there are {', '.join(there)}"
                    if there
                    else "nor of any other: was it started in another folder, or did it end?"
                )
            ) from None
        except ValueError as error:
            raise RequestError(
                f"{path}: damaged ({error}); start the training anew and delete {folder}"
            ) from None
        return cls(folder)._locked(), settings

    def _locked(self) -> "Checkpoint":
        """Hold the folder for this process; the system lets go of it when the process ends, however it ends."""
        assert self.lock is not None
        assert self.folder is not None
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise RequestError(
                f"resume={self.folder.name}: that training is under way in another process"
            ) from None
        return self

    def logits(self, fit: str) -> np.ndarray | None:
        """Held-out logits of a fit that was finished."""
        path = self._path(fit, "npy")
        return np.load(path, allow_pickle=False) if path is not None and path.is_file() else None

    def save(self, fit: str, logits: np.ndarray) -> None:
        """A fit is finished: its held-out logits stay, its checkpoint goes."""
        path = self._path(fit, "npy")
        if path is None:
            return
        with file_aside(path) as aside, aside.open("wb") as stream:
            np.save(stream, logits)
        self.checkpoint(fit).unlink(missing_ok=True)  # type: ignore[union-attr]

    def checkpoint(self, fit: str) -> Path | None:
        """The file that the fit under way goes on from."""
        return self._path(fit, "safetensors")

    def delete(self) -> None:
        """The training has ended, and its bundle is written."""
        if self.folder is not None and self.lock is not None:
            self.lock.release()
            shutil.rmtree(self.folder)

    def _path(self, fit: str, ending: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{fit}.{ending}"


NO_CHECKPOINT = Checkpoint()
