"""The default labeller: trained once from the packaged corpus, and kept in the user's cache."""

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf import __version__
from sahelclf.errors import BundleError, RequestError
from sahelclf.paths import cache_folder, data_root, writing_to_cache

if TYPE_CHECKING:
    from sahelclf.training.steps import OnStep

LOG = logging.getLogger(__name__)
DEFAULT = "default"
FOLDS = 3  # settle the thresholds; 5 takes half as long again
KEPT = 4  # labellers of other versions and settings stay in the cache, the last used ones
ENCODER_NEEDS = ("torch", "transformers", "onnx", "onnxruntime", "tokenizers")
DURATION = {"tfidf": "about a minute", "embedding": "a few minutes"}
INSTALL = "pip install 'sahelclf[transformer]'"
ShowSteps = Callable[[], "AbstractContextManager[OnStep]"]
show_steps: ContextVar[ShowSteps | None] = ContextVar("show_steps", default=None)


def default_model() -> str:
    """The most accurate kind of model that is quick to train with the packages installed."""
    from sahelclf.models.named_encoders import DEFAULT as ENCODER
    from sahelclf.models.named_encoders import NAMED, installed_files

    if not all(map(find_spec, ENCODER_NEEDS)):
        return "tfidf"
    try:
        installed_files(NAMED[ENCODER])
    except RequestError:
        return "tfidf"
    return "embedding"


@contextmanager
def default_bundle() -> Iterator[Path]:
    """The folder of the default labeller, which is trained where there is none yet.

    Processes that ask for it at the same time share one training. A training that is stopped
    leaves nothing.
    """
    model = default_model()
    folder = cache_folder() / "labellers" / f"{model}-{_key(model)}"
    if not folder.is_dir():
        _train_once(model, folder)
    with suppress(OSError):  # the cache may be read-only
        os.utime(folder)  # used now: the one that is longest unused is deleted first
    LOG.info("default labeller: model=%s, trained on the packaged corpus", model)
    try:
        yield folder
    except BundleError as error:
        cure = f"delete the folder {folder}: the next command trains the labeller again"
        raise BundleError(f"{error}\n{cure}") from error


def _key(model: str) -> str:
    """A hash of the corpus, this version, the settings and the encoder."""
    from sahelclf.bundle.load import FORMAT
    from sahelclf.corpus.read import HASHED
    from sahelclf.files import files_sha256
    from sahelclf.models.named_encoders import DEFAULT as ENCODER
    from sahelclf.models.named_encoders import NAMED

    root = data_root()
    names = (*HASHED, "splits/grouped.json")
    corpus = [p for name in names if (p := root / "annotations" / name).is_file()]
    settings = [root / "conf" / "train.yaml", root / "conf" / "model" / f"{model}.yaml"]
    parts = [files_sha256([*corpus, *settings]), __version__, str(FORMAT), str(FOLDS)]
    parts += [NAMED[ENCODER].sha256] if model == "embedding" else []
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def _train_once(model: str, folder: Path) -> None:
    """Train into `folder`, unless another process does; then wait for that one."""
    from filelock import FileLock, Timeout  # every command imports this module, and few train

    with writing_to_cache(folder):
        lock = FileLock(f"{folder}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            LOG.info("another process trains the default labeller; waiting for it")
            lock.acquire()
    try:
        if not folder.is_dir():  # another process may have been faster
            _train(model, folder)
            _remove_old(folder)
    finally:
        lock.release()


def _train(model: str, folder: Path) -> None:
    from sahelclf.bundle.write import write_bundle
    from sahelclf.training import run as training
    from sahelclf.training.compose import compose_config

    shown = show_steps.get()
    better = "" if model == "embedding" else f"; {INSTALL} gives a more accurate one"
    LOG.log(
        logging.INFO if shown else logging.WARNING,  # Python shows warnings where nothing is set up
        "No labeller was trained yet: training the default one (model=%s) on the packaged corpus, "
        "once. It takes %s%s",
        model,
        DURATION[model],
        better,
    )
    started = time.monotonic()
    config = compose_config([f"model={model}", f"crossfit={FOLDS}"])
    with shown() if shown else nullcontext(lambda _: None) as show:
        result = training.run(config, show)
        write_bundle(result, folder, run_id="")
    LOG.info("trained in %.0f s; it is kept in %s", time.monotonic() - started, folder)


def _remove_old(folder: Path) -> None:
    others = [p for p in folder.parent.iterdir() if p.is_dir() and not p.name.startswith(".")]
    others.sort(key=lambda p: (p == folder, p.stat().st_mtime))
    for old in others[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
        Path(f"{old}.lock").unlink(missing_ok=True)
