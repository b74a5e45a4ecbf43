"""Parallel processes for the hosts of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

from aiida_hpaint.science.benchmark.measure import measure_host
from aiida_hpaint.science.benchmark.references import References
from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.processes import start_single_threaded
from aiida_hpaint.science.settings import PotentialSettings, RestorationSettings
from aiida_hpaint.science.structures.batch import StructureBatch

Result = TypeVar("Result")


def measure_hosts(
    references: References,
    todo: Sequence[int],
    settings: RestorationSettings,
    processes: int,
    relaxed: bool = True,
    potentials: Mapping[str, PotentialSettings] | None = None,
) -> Iterator[HostRow]:
    """Yield the rows of the hosts with these indices as they finish; see `run_in_parallel`."""
    options = (settings, relaxed, potentials or {})
    jobs = [(*make_job(references, place), *options) for place in todo]
    return run_in_parallel(measure_host, jobs, processes)


def run_in_parallel(
    function: Callable[..., Result], jobs: Sequence[tuple[Any, ...]], processes: int
) -> Iterator[Result]:
    """Yield the results of a function for several arguments, as they finish.

    The function has to be at the top level of a module, so that it can be pickled.

    Raises
    ------
    RuntimeError
        If a process is killed, mostly for lack of memory.
    """
    if processes == 1 or len(jobs) < 2:
        with _single_thread():
            yield from (function(*job) for job in jobs)
        return
    with _open_pool(min(processes, len(jobs))) as pool:
        futures: list[Future[Result]] = [pool.submit(function, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise RuntimeError(
                "a process of the benchmark was killed, perhaps for lack of memory: "
                "run the same command again with fewer processes to continue"
            ) from None


def make_job(references: References, place: int) -> tuple[int, StructureBatch, StructureBatch]:
    """Return index, host and reference at an index of the references."""
    index = int(references.indices[place])
    return index, references.hosts[place], references.complete[place]


@contextmanager
def _open_pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    # A forked process would inherit the locks of torch's threads, held or not.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), start_single_threaded)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _single_thread() -> Iterator[None]:
    """Limit this process to one thread, like the processes of a pool."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
