"""Examination of many documents at once, by processes of which each may die on a bad file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from aiida_hpaint.science.databases.documents import Document
from aiida_hpaint.science.databases.examine import examine_document
from aiida_hpaint.science.databases.findings import Finding, Verdict
from aiida_hpaint.science.processes import end_at_interrupt
from aiida_hpaint.science.settings import HostSettings

__all__ = ["examine_documents"]

_CHUNK = 16
"""Documents that a process takes at once."""

_WAITING = 4
"""Chunks that wait for each process: what is read ahead stays in memory."""


def examine_documents(
    documents: Iterable[Document],
    settings: HostSettings,
    symbol: str = "H",
    processes: int = 1,
) -> Iterator[tuple[Document, list[Finding]]]:
    """Yield each document with its findings, in the order in which they are found.

    A document that kills its process, by a fault in a library or for lack of memory, becomes a
    finding as well.

    Parameters
    ----------
    documents
        The documents.
    settings, symbol
        As for `examine_document`.
    processes
        Number of processes; with one, all is done in this one.
    """
    if processes == 1:
        for document in documents:
            yield document, examine_document(document, settings, symbol)
        return
    rest = iter(documents)
    lost: list[Document] = []
    while True:
        yield from _examine_until_one_dies(rest, settings, symbol, processes, lost)
        if not lost:
            return
        yield from _examine_one_by_one(lost, settings, symbol)
        lost.clear()


def _examine_until_one_dies(
    documents: Iterator[Document],
    settings: HostSettings,
    symbol: str,
    processes: int,
    lost: list[Document],
) -> Iterator[tuple[Document, list[Finding]]]:
    """Yield findings; after the death of a process, what was under way is in `lost`."""
    running: dict[Future[list[list[Finding]]], list[Document]] = {}
    with _open_pool(processes) as pool:
        try:
            while not lost:
                while len(running) < processes * _WAITING and (
                    chunk := list(islice(documents, _CHUNK))
                ):
                    try:
                        running[pool.submit(_examine_chunk, chunk, settings, symbol)] = chunk
                    except BrokenProcessPool:
                        lost += chunk
                        break
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    chunk = running.pop(future)
                    try:
                        yield from zip(chunk, future.result(), strict=True)
                    except BrokenProcessPool:
                        lost += chunk
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            lost += [document for chunk in running.values() for document in chunk]


def _examine_one_by_one(
    documents: Iterable[Document], settings: HostSettings, symbol: str
) -> Iterator[tuple[Document, list[Finding]]]:
    for document in documents:
        with _open_pool(1) as pool:
            try:
                job = pool.submit(examine_document, document, settings, symbol)
                yield document, job.result()
            except BrokenProcessPool:
                reason = "reading it killed its process, perhaps for lack of memory"
                name = document.name
                yield document, [Finding(Path(name).stem, name, Verdict.REFUSED, reason)]


def _examine_chunk(
    documents: Sequence[Document], settings: HostSettings, symbol: str
) -> list[list[Finding]]:
    return [examine_document(document, settings, symbol) for document in documents]


def _open_pool(processes: int) -> ProcessPoolExecutor:
    # A forked process would inherit the locks of threads of the libraries, held or not.
    return ProcessPoolExecutor(processes, get_context("spawn"), end_at_interrupt)
