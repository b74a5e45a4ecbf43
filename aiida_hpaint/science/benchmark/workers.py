"""Hosts measured here or by processes side by side, in the order in which they end."""

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
    """Rows of the hosts at these places, as they come; see `run_in_parallel`."""
    options = (settings, relaxed, potentials or {})
    jobs = [(*make_job(references, place), *options) for place in todo]
    return run_in_parallel(measure_host, jobs, processes)


def run_in_parallel(
    function: Callable[..., Result], jobs: Sequence[tuple[Any, ...]], processes: int
) -> Iterator[Result]:
    """Results of a function of a module for several arguments, as they come.

    Raises
    ------
    RuntimeError
        If a process dies, mostly of lack of memory.
    """
    if processes == 1 or len(jobs) < 2:
        with _single_thread():
            yield from (function(*job) for job in jobs)
        return
    with _pool(min(processes, len(jobs))) as pool:
        futures: list[Future[Result]] = [pool.submit(function, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise RuntimeError(
                "a process of the benchmark was killed, perhaps for lack of memory: "
                "run the same command again with fewer processes to go on"
            ) from None


def make_job(references: References, place: int) -> tuple[int, StructureBatch, StructureBatch]:
    """Index, host and reference of a place."""
    index = int(references.indices[place])
    return index, references.hosts[place], references.complete[place]


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    # A forked process would inherit the locks of torch's threads, held or not.
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_one_thread)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _single_thread() -> Iterator[None]:
    """Have this process compute as those of a pool do, for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _one_thread() -> None:
    import warnings

    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
