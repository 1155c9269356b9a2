"""State of a long training on disk: held-out logits of finished fits, and the current fit."""

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
    """A folder with the state of one training; without a folder nothing is saved."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.lock = FileLock(folder / "lock") if folder is not None else None

    @classmethod
    def create(cls, folder: Path, settings: Mapping[str, Any]) -> "Checkpoint":
        """Make the folder, store the settings of the training, and lock it."""
        try:
            folder.mkdir(parents=True)
            (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise SahelclfError(
                f"{folder}: cannot be written ({error.strerror}); a long training saves its state "
                "there"
            ) from error
        return cls(folder)._locked()

    @classmethod
    def resume(cls, folder: Path) -> tuple["Checkpoint", dict[str, Any]]:
        """The state that an earlier process saved, locked, and the settings it was started with."""
        path = folder / SETTINGS
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            others = sorted(p.parent.name for p in folder.parent.glob(f"*/{SETTINGS}"))
            hint = (
                f"runs that can be resumed there: {', '.join(others)}"
                if others
                else "nor of another run: was it started in another folder, or did it finish?"
            )
            raise RequestError(
                f"resume={folder.name}: no saved state in {folder.parent.absolute()}; {hint}"
            ) from None
        except ValueError as error:
            raise RequestError(
                f"{path}: damaged ({error}); delete {folder} and start the training again"
            ) from None
        return cls(folder)._locked(), settings

    def _locked(self) -> "Checkpoint":
        """Lock the folder for this process; the system unlocks it when the process ends."""
        assert self.lock is not None
        assert self.folder is not None
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            raise RequestError(
                f"resume={self.folder.name}: another process is running this training"
            ) from None
        return self

    def logits(self, fit: str) -> np.ndarray | None:
        """Held-out logits of a finished fit, (n, n_heads)."""
        path = self._path(fit, "npy")
        return np.load(path, allow_pickle=False) if path is not None and path.is_file() else None

    def save(self, fit: str, logits: np.ndarray) -> None:
        """Store the held-out logits of a finished fit, and delete the state of the fit itself."""
        path, state = self._path(fit, "npy"), self.state_file(fit)
        if path is not None and state is not None:
            with file_aside(path) as aside, aside.open("wb") as stream:
                np.save(stream, logits)
            state.unlink(missing_ok=True)

    def state_file(self, fit: str) -> Path | None:
        """File in which a fit saves its state."""
        return self._path(fit, "safetensors")

    def delete(self) -> None:
        """Delete the folder, once the bundle is written."""
        if self.folder is not None and self.lock is not None:
            self.lock.release()
            shutil.rmtree(self.folder)

    def _path(self, fit: str, ending: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{fit}.{ending}"


NO_CHECKPOINT = Checkpoint()
