"""`--engine ray`: one task reads INPUT here, actors in the cluster label, rows come in order.

Ray Data replaces an actor or a task that dies and gives it the same batch again, so a killed
worker costs time.
Every actor takes a share of the processors that leaves some for the reader: actors that take all
of them would wait for
batches without end.
"""

import logging
import os
import pickle
import signal
import warnings
from collections.abc import Generator, Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.predict.batches import LabelledBatch, WorkerSpec, batches_of
from sahelclf.predict.inputs import Source

READER_CPUS = 0.1
LEAST_CPUS = 0.1  # for an actor; with less a worker is no gain
NO_PROGRESS_SECONDS = 600
# Ray gives its workers the lowest rank and starts over, without end, with those that do not
# answer within a minute
BUSY_MACHINE = {"RAY_worker_register_timeout_seconds": "600", "RAY_worker_niceness": "0"}
INSTALL = "pip install -c requirements.lock 'sahelclf[ray]'"


def on_ray(
    spec: WorkerSpec, source: Source, start: tuple[int, int], workers: int
) -> Generator[LabelledBatch]:
    """Batches of the source from `start` on, labelled by so many actors, in order."""
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise RequestError(f"--engine ray: the package ray is not installed; {INSTALL}") from None
    with _connected():
        share = _share(workers)
        ray.data.DataContext.get_current().execution_options.preserve_order = True
        files = ray.put(
            {
                p.relative_to(spec.folder).as_posix(): p.read_bytes()
                for p in spec.folder.rglob("*")
                if p.is_file()
            }
        )
        batches = _batches(source, start)
        results = batches.map_batches(
            _Worker,
            fn_constructor_args=(files, spec),
            batch_size=1,
            batch_format="pyarrow",
            concurrency=workers,
            num_cpus=share,
        )
        try:
            for row in results.iter_rows():
                piece = pickle.loads(row["piece"])  # noqa: S301 - from our own actors
                if isinstance(piece, SahelclfError):
                    raise piece
                yield piece
        except (
            ray.exceptions.RayError,
            ray.data.exceptions.UserCodeException,
            ray.data.exceptions.SystemException,
        ) as error:
            raise SahelclfError(f"--engine ray: {' '.join(str(error).split())[-400:]}") from error


@contextmanager
def _connected() -> Iterator[None]:
    """The cluster that RAY_ADDRESS names, or one of this machine; no statistics are sent."""
    import ray

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    for name, value in BUSY_MACHINE.items():
        os.environ.setdefault(name, value)
    address = os.environ.get("RAY_ADDRESS", "local")
    if address.startswith("ray://"):
        raise RequestError(
            f"RAY_ADDRESS={address}: expected HOST:PORT; run the command on a machine of "
            "the cluster"
        )
    ours = signal.getsignal(signal.SIGTERM)
    try:
        about = {"include_dashboard": False} if address == "local" else {}
        ray.init(
            address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            **about,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RequestError(
            f"RAY_ADDRESS={address}: no cluster answers there: {' '.join(str(error).split())[:300]}"
        ) from None
    signal.signal(signal.SIGTERM, ours)  # Ray's handler ends it without a message
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.target_max_block_size = 1  # a batch is a block, handed on as soon as it is read
    context.execution_no_progress_timeout_s = NO_PROGRESS_SECONDS
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"ray\.")  # its advice on settings that are ours
    try:
        yield
    finally:
        ray.shutdown()


def _share(workers: int) -> float:
    """Processors for each actor, so that all of them and the reader fit into the cluster."""
    import ray

    free = ray.available_resources().get("CPU", 0.0)
    share = min(int((free - 2 * READER_CPUS) / workers * 100) / 100, 1.0)
    if share < LEAST_CPUS:
        raise RequestError(
            f"--engine ray: {free:g} processors of the cluster are free, too few for "
            f"{workers} workers and a reader, which would wait "
            "without end; use fewer --workers, or wait until other jobs have ended"
        )
    return share


def _batches(source: Source, start: tuple[int, int]) -> Any:
    """A data set of pickled batches, one a block, read by one task where the files are."""
    import pyarrow as pa
    import ray
    from ray.data import Datasource
    from ray.data.block import BlockMetadata
    from ray.data.datasource import ReadTask

    folder = Path.cwd()

    def read() -> Iterator[Any]:
        with chdir(folder):
            for batch in _or_error(source, start):
                yield pa.table({"batch": pa.array([pickle.dumps(batch)], pa.large_binary())})

    class Batches(Datasource):  # type: ignore[misc]
        def get_read_tasks(self, *_: Any, **__: Any) -> list[Any]:
            return [
                ReadTask(
                    read,
                    BlockMetadata(
                        num_rows=None, size_bytes=None, input_files=None, exec_stats=None
                    ),
                )
            ]

        def estimate_inmemory_data_size(self) -> None:
            return None

    here = {
        f"node:{ray.util.get_node_ip_address()}": 0.001
    }  # every machine of a cluster has a resource of its own
    return ray.data.read_datasource(
        Batches(), override_num_blocks=1, num_cpus=READER_CPUS, resources=here
    )


def _or_error(source: Source, start: tuple[int, int]) -> Iterator[Any]:
    """Batches; where INPUT is wrong, our error as the last of them: Ray would wrap it."""
    try:
        yield from batches_of(source, *start)
    except SahelclfError as error:
        yield error


class _Worker:
    """In an actor: unpacks the bundle, loads it, and labels batch by batch."""

    def __init__(self, files: Any, spec: WorkerSpec) -> None:
        import ray

        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for name, content in ray.get(files).items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.work = replace(spec, folder=Path(folder)).make()

    def __call__(self, table: Any) -> Any:
        """One row with a pickled batch in, one with its labelled piece out."""
        import pyarrow as pa

        given = [pickle.loads(batch.as_py()) for batch in table["batch"]]  # noqa: S301 - from our own reader
        results = [
            batch if isinstance(batch, SahelclfError) else self.work(batch) for batch in given
        ]
        return pa.table({"piece": pa.array([pickle.dumps(p) for p in results], pa.large_binary())})
