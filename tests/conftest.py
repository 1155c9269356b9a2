"""Fixtures that several rooms share; bundles are trained once a session."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from environments import CLEAN, python_of
from small_package import shared, write_small_package
from support import tfidf_config, write_corpus

# The same examples in every run: a failure can be repeated. Long fuzzing has examples of its own.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,  # a busy machine is no fault of the code
    suppress_health_check=[HealthCheck.filter_too_much],
)
settings.load_profile("repeatable")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["OMP_NUM_THREADS"] = (
    "1"  # one test process a core: more threads only wait for each other
)
for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
    os.environ.pop(name, None)


# `make quick` leaves these out: they train, start processes, or simulate.
SLOW = {
    "bundle", "cli", "project", "studies", "tracking", "workflows", "test_checkpoint.py",
    "test_compare.py", "test_cross_fitted.py", "test_engines.py", "test_estimators.py",
    "test_few_labels.py", "test_fuzz.py", "test_hf_metrics.py", "test_intervals.py",
    "test_kinds.py", "test_languages.py", "test_measure.py", "test_predict.py",
    "test_quantization.py", "test_registries.py", "test_report.py", "test_round_trips.py",
    "test_topics_alone.py", "test_transformer.py",
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow rooms and files."""
    for item in items:
        if SLOW & {*item.path.relative_to(Path(__file__).parent).parts}:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def messages_reach_the_test():
    """Undo what the command line does to the package's log, so that `caplog` sees it."""
    log = logging.getLogger("sahelclf")
    log.handlers, log.propagate = [], True
    log.setLevel(logging.NOTSET)
    for name, child in logging.root.manager.loggerDict.items():
        if name.startswith("sahelclf") and isinstance(child, logging.Logger):
            child.disabled = False


@pytest.fixture(scope="session")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small corpus, read-only by convention."""
    return write_corpus(tmp_path_factory.mktemp("harbour") / "corpus")


@pytest.fixture(scope="session")
def trained(harbour: Path):
    """A tf-idf training on it."""
    from sahelclf.training.run import run

    return run(tfidf_config(corpus=str(harbour)))


@pytest.fixture(scope="session")
def bundle(trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle, read-only by convention."""
    from sahelclf.bundle.write import write_bundle

    folder = tmp_path_factory.mktemp("bundles") / "harbour"
    write_bundle(trained, folder, "0" * 32)
    return folder


@pytest.fixture(scope="session")
def transformer_bundle(harbour, tmp_path_factory) -> Path:
    """A bundle of a tiny random encoder."""
    from encoders import write_encoder
    from sahelclf.bundle.write import write_bundle
    from sahelclf.training.compose import compose_config
    from sahelclf.training.run import run

    folder = tmp_path_factory.mktemp("transformer")
    encoder = write_encoder(folder / "encoder", layers=2)
    tiny = ("window=64", "overlap=16", "frozen_layers=1", "epochs=1", "threads=1")
    overrides = [
        "model=transformer",
        f"model.encoder={encoder}",
        *(f"model.{x}" for x in tiny),
        "crossfit=2",
        f"corpus={harbour}",
    ]
    write_bundle(run(compose_config(overrides)), folder / "bundle", "0" * 32)
    return folder / "bundle"


@pytest.fixture(scope="session")
def small_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `PYTHONPATH` with the package and a fifth of its corpus."""
    return shared(tmp_path_factory, "small-package", write_small_package)


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """`environment(name)` gives the Python of the clean environment of that name."""
    kept = os.environ.get("TEST_ENVIRONMENTS")
    root = Path(kept) if kept else tmp_path_factory.mktemp("environments")
    return lambda name: python_of(name, root)


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    """Variables of a shell that knows nothing of this repository, with a home of its own."""
    return CLEAN | {"HOME": str(tmp_path_factory.mktemp("home"))}
