"""Sources of `aiida-hpaint find`: what they are, and the findings of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida_hpaint.science.databases import Document, Filters, Finding
    from aiida_hpaint.science.settings import HostSettings

GROUP = "group:"
"""What precedes the label of an AiiDA group."""


@dataclass
class Search:
    """A search in several sources.

    Attributes
    ----------
    profile
        AiiDA profile; None for the default one.
    settings
        How records are read.
    filters
        Records that are of interest.
    optimade_filter
        Filter of OPTIMADE providers.
    where
        Conditions on nodes of AiiDA.
    processes
        Number of processes.
    problems
        Sources that could not be read, or not to their end.
    """

    profile: str | None
    settings: HostSettings
    filters: Filters
    optimade_filter: str = ""
    where: tuple[str, ...] = ()
    processes: int = 1
    problems: list[str] = field(default_factory=list)

    def iter_findings(self, sources: Sequence[str]) -> Iterator[tuple[Document, list[Finding]]]:
        """Yield the documents of all sources with their findings, and show the progress."""
        for source in sources:
            with open_bar(source) as bar:
                try:
                    for document, findings in self._examine(source, bar):
                        bar.advance()
                        yield document, findings
                except (ValueError, OSError) as error:
                    self.problems.append(str(error))

    def _examine(self, source: str, bar: Bar) -> Iterator[tuple[Document, list[Finding]]]:
        from aiida_hpaint.science.databases import examine_documents, iter_documents

        if source.startswith(GROUP) or source.endswith(".aiida"):
            yield from self._examine_nodes(source, bar)
            return
        if is_optimade(source):
            documents = self._iter_optimade(source, bar)
        else:
            path = Path(source)
            if path.is_dir():
                bar.set_total(sum(1 for _ in iter_documents(path)))
            documents = iter_documents(path)
        yield from examine_documents(documents, self.settings, processes=self.processes)

    def _iter_optimade(self, source: str, bar: Bar) -> Iterator[Document]:
        from aiida_hpaint.science.databases import Optimade, OptimadeError

        provider = Optimade.find(source, self.optimade_filter, self.filters)
        try:
            for document in provider.iter_documents():
                bar.set_total(provider.announced or None)
                yield document
        except OptimadeError as error:
            # What came before is still examined.
            self.problems.append(str(error))

    def _examine_nodes(self, source: str, bar: Bar) -> Iterator[tuple[Document, list[Finding]]]:
        from aiida_hpaint.cli import session

        session.load_profile(self.profile)
        from aiida_hpaint.campaigns.finding import examine_archive, examine_group

        if source.startswith(GROUP):
            found = examine_group(source.removeprefix(GROUP), self.where, self.settings)
        else:
            found = examine_archive(Path(source), self.where, self.settings)
        for total, document, findings in found:
            bar.set_total(total)
            yield document, findings


def is_optimade(source: str) -> bool:
    """Return whether a source is the address or the short name of an OPTIMADE provider."""
    return source.startswith(("http://", "https://", "optimade:"))


class Bar:
    """A progress bar on the standard error; without a terminal, nothing is shown."""

    def __init__(self, bars: Any, title: str) -> None:
        self._bars = bars
        self._task = bars.add_task(title, total=None)

    def advance(self) -> None:
        """Count one more document."""
        self._bars.advance(self._task)

    def set_total(self, total: int | None) -> None:
        """Say how many documents there are; None if unknown."""
        self._bars.update(self._task, total=total)


@contextmanager
def open_bar(title: str) -> Iterator[Bar]:
    """Show a progress bar while a source is read."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, markup=False, emoji=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    title = click.format_filename(title, shorten=True)
    text = TextColumn("{task.description:<22}", markup=False)
    shown = Progress(
        text, *columns, console=console, disable=not console.is_terminal, transient=True
    )
    with shown as bars:
        yield Bar(bars, title)
