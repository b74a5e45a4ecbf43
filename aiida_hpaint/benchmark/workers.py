"""Hosts measured here or by processes side by side, in the order in which they end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

from aiida_hpaint.benchmark.measure import measure
from aiida_hpaint.benchmark.references import References
from aiida_hpaint.evaluation.benchmark.rows import HostRow
from aiida_hpaint.settings import RestorationSettings
from aiida_hpaint.structures.batch import StructureBatch


def measured(
    references: References,
    todo: Sequence[int],
    settings: RestorationSettings,
    processes: int,
    relaxed: bool = True,
) -> Iterator[HostRow]:
    """Rows of the hosts at these places, as they come.

    Raises
    ------
    RuntimeError
        If a process dies, mostly of lack of memory.
    """
    if processes == 1 or len(todo) < 2:
        for place in todo:
            yield measure(*_job(references, place), settings, relaxed)
        return
    with _pool(min(processes, len(todo))) as pool:
        jobs: list[Future[HostRow]] = [
            pool.submit(measure, *_job(references, place), settings, relaxed) for place in todo
        ]
        try:
            for job in as_completed(jobs):
                yield job.result()
        except BrokenProcessPool:
            raise RuntimeError(
                "a process of the benchmark was killed, perhaps for lack of memory: "
                "run the same command again with fewer processes to go on"
            ) from None


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    # A forked process would inherit the locks of torch's threads, held or not.
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_one_thread)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    import warnings

    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def _job(references: References, place: int) -> tuple[int, StructureBatch, StructureBatch]:
    index = int(references.indices[place])
    return index, references.hosts[place], references.complete[place]
