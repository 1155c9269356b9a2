"""Where batches are labelled: in this process, in several, or on a Ray cluster; always in order."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice

from threadpoolctl import threadpool_limits

from sahelclf.bundle.labeller import Labeller
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.models.kinds import kind_of
from sahelclf.models.runtime.encoder import cores
from sahelclf.predict.batches import Batch, BatchLabeller, LabelledBatch, WorkerSpec, batches_of
from sahelclf.predict.inputs import Source

FEW_BATCHES = 4  # labelled here before other processes would be ready
AHEAD = 2  # batches waiting for each worker


@dataclass(frozen=True)
class EngineOptions:
    """How batches are labelled; `workers` None chooses for this machine."""

    engine: str
    workers: int | None
    any_language: bool
    texts: bool


def labelled(
    wanted: EngineOptions, labeller: Labeller, source: Source, start: tuple[int, int]
) -> Generator[LabelledBatch]:
    """Batches of the source from a file and the rows taken of it on, labelled, in order."""
    if wanted.workers is not None and wanted.workers < 1:
        raise RequestError(f"--workers {wanted.workers}: expected 1 or more")
    several = wanted.engine == "ray" or kind_of(labeller.manifest).reader.in_processes
    workers = wanted.workers or (cores() if several else 1)
    batches = batches_of(source, *start)
    if labeller.folder is None or (workers == 1 and wanted.engine == "local"):
        return _here(_work_of(wanted, labeller, source), batches)
    spec = WorkerSpec(
        labeller.folder.resolve(),
        bool(labeller.graph),
        source.unit,
        wanted.any_language,
        wanted.texts,
        threads=max(cores() // workers, 1),
    )
    if wanted.engine == "ray":
        from sahelclf.predict.ray_engine import on_ray

        return on_ray(spec, source, start, workers)
    first = list(islice(batches, FEW_BATCHES))
    if len(first) < FEW_BATCHES and wanted.workers is None:
        return _here(_work_of(wanted, labeller, source), iter(first))
    return _in_processes(spec, chain(first, batches), workers)


def _work_of(wanted: EngineOptions, labeller: Labeller, source: Source) -> BatchLabeller:
    return BatchLabeller(
        labeller, source.unit, any_language=wanted.any_language, texts=wanted.texts
    )


def _here(work: BatchLabeller, batches: Iterator[Batch]) -> Generator[LabelledBatch]:
    with threadpool_limits(1, user_api="blas"):
        yield from map(work, batches)


def _in_processes(
    spec: WorkerSpec, batches: Iterator[Batch], workers: int
) -> Generator[LabelledBatch]:
    spawn = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    pool = ProcessPoolExecutor(workers, spawn, initializer=_begin, initargs=(spec,))
    waiting: deque[Future[LabelledBatch]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(_label, batch))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise SahelclfError(
            f"one of {workers} processes that label was killed, perhaps because memory "
            "ran out; --workers 1 takes "
            "the least, and with --resume the same command resumes"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(spec: WorkerSpec) -> None:
    """In a worker: load, leave Ctrl-C to the parent, and do not outlive it."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _work = spec.make()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _label(batch: Batch) -> LabelledBatch:
    return _work(batch)


_work: BatchLabeller
