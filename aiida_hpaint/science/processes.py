"""One function for many items, in several processes where that pays."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

__all__ = ["end_at_interrupt", "map_in_processes", "start_single_threaded"]

_LEAST = 500
"""Items of a process that are worth the seconds of its start."""

_MOST = 16
"""Largest number of processes: each takes 120 MB, and login nodes have many cores."""

_AT_ONCE = 20
"""Items that a process takes at a time."""

Item = TypeVar("Item")
Found = TypeVar("Found")


def map_in_processes(
    function: Callable[[Item], Found], items: Sequence[Item], processes: int
) -> Iterator[Found]:
    """Yield what a function returns for each item, in their order.

    Parameters
    ----------
    function
        Function of a module, or a `functools.partial` of one.
    processes
        Largest number of processes; fewer are started for few items, and none for one. A script
        that asks for several needs `if __name__ == "__main__":`, since each of them imports it.

    Raises
    ------
    ChildProcessError
        If a process ended early.
    """
    useful = min(processes, _MOST, len(items) // _LEAST)
    if useful < 2:
        yield from map(function, items)
        return
    # A forked process would inherit the locks of threads, held or not.
    try:
        with ProcessPoolExecutor(useful, get_context("spawn"), _silence) as pool:
            yield from pool.map(function, items, chunksize=_AT_ONCE)
    except BrokenProcessPool:
        raise ChildProcessError(
            f"one of {useful} processes was killed, perhaps for lack of memory: "
            "`taskset -c 0` before the command has one process do all. (In a script of your own, "
            'what starts them belongs under `if __name__ == "__main__":`.)'
        ) from None


def end_at_interrupt() -> None:
    """Let Ctrl-C end this process without a word: the one that has started it says what to say."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_single_threaded() -> None:
    """Prepare a process of a pool whose processes share the cores: one thread, no warnings."""
    end_at_interrupt()
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def _silence() -> None:
    """Hide warnings of other packages, as commands do."""
    end_at_interrupt()
    warnings.filterwarnings("ignore", module="(?!aiida_hpaint)")
