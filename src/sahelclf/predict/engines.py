"""Where chunks are labelled: in this process, in several of this machine, or on a Ray cluster; given back in order always."""

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

FEW_CHUNKS = 4  # as many are labelled here sooner than other processes are ready
AHEAD = 2  # chunks waiting for each worker


@dataclass(frozen=True)
class EngineOptions:
    """How a job's chunks are to be labelled; `workers` None chooses for this machine."""

    engine: str
    workers: int | None
    any_language: bool
    texts: bool


def labelled(
    asked: EngineOptions, labeller: Labeller, source: Source, start: tuple[int, int]
) -> Generator[LabelledBatch]:
    """Chunks of the source from a file and the rows taken of it on, labelled, in order."""
    if asked.workers is not None and asked.workers < 1:
        raise RequestError(f"--workers {asked.workers}: expected 1 or more")
    several = asked.engine == "ray" or kind_of(labeller.manifest).reader.in_processes
    workers = asked.workers or (cores() if several else 1)
    chunks = batches_of(source, *start)
    if labeller.folder is None or (workers == 1 and asked.engine == "local"):
        return _here(_work_of(asked, labeller, source), chunks)
    recipe = WorkerSpec(
        labeller.folder.resolve(),
        bool(labeller.graph),
        source.unit,
        asked.any_language,
        asked.texts,
        threads=max(cores() // workers, 1),
    )
    if asked.engine == "ray":
        from sahelclf.predict.ray_engine import on_ray

        return on_ray(recipe, source, start, workers)
    first = list(islice(chunks, FEW_CHUNKS))
    if len(first) < FEW_CHUNKS and asked.workers is None:
        return _here(_work_of(asked, labeller, source), iter(first))
    return _in_processes(recipe, chain(first, chunks), workers)


def _work_of(asked: EngineOptions, labeller: Labeller, source: Source) -> BatchLabeller:
    return BatchLabeller(labeller, source.unit, any_language=asked.any_language, texts=asked.texts)


def _here(work: BatchLabeller, chunks: Iterator[Batch]) -> Generator[LabelledBatch]:
    with threadpool_limits(1, user_api="blas"):
        yield from map(work, chunks)


def _in_processes(
    recipe: WorkerSpec, chunks: Iterator[Batch], workers: int
) -> Generator[LabelledBatch]:
    spawn = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    pool = ProcessPoolExecutor(workers, spawn, initializer=_begin, initargs=(recipe,))
    waiting: deque[Future[LabelledBatch]] = deque()
    try:
        for chunk in chunks:
            waiting.append(pool.submit(_label, chunk))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise SahelclfError(
            f"one of {workers} processes that label was killed, perhaps for want of memory; --workers 1 takes the least, "
            "and with --resume the same command goes on"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(recipe: WorkerSpec) -> None:
    """In a worker: load, leave Ctrl-C to the parent, and do not outlive it."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _work = recipe.make()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _label(chunk: Batch) -> LabelledBatch:
    return _work(chunk)


_work: BatchLabeller
