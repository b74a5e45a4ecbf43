"""Output of the commands: tables, progress, warnings, and where the provenance is."""

from __future__ import annotations

import json
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

from aiida_hpaint.cli.errors import CommandError, begin_work
from aiida_hpaint.cli.verbosity import is_quiet, say

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.console import Console
    from rich.table import Table

    from aiida_hpaint.science.structures import HostProblem, StructureBatch


_WIDTH = 80
"""Columns of tables where there is no terminal."""

_LONGEST = 40
"""Longest word that stays whole where a column may fold it, such as a path."""

_INTERVAL = 30.0
"""Seconds between two lines of progress where there is no terminal."""


class ShowProgress(Protocol):
    """A function that shows how much of a task is done."""

    def __call__(self, title: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of a task are done."""


def make_console() -> Console:
    """Return a console for tables, 120 columns wide where there is no terminal.

    Labels of hosts are plain text: rich must not read markup in them.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else 120
    return Console(width=width, highlight=False, markup=False, emoji=False)


def print_table(table: Table) -> None:
    """Print a table in 80 columns, or in the terminal, and wider if names would break otherwise.

    Columns move together before a table becomes wider.
    """
    from rich.cells import cell_len
    from rich.measure import Measurement

    console = make_console()
    for column in table.columns:
        # Lines break between words alone; else rich would cut the longest ones.
        texts = (column.header, *column.cells)
        lines = [line for text in texts for line in str(text).splitlines()]
        widest = max(map(cell_len, lines), default=0)
        longest = max((cell_len(word) for line in lines for word in line.split()), default=0)
        if column.overflow == "fold" and longest > _LONGEST:
            # The measurement would count the word whole.
            column.min_width = column.max_width = _LONGEST
            continue
        column.no_wrap = column.no_wrap or longest >= widest
        column.min_width = widest if column.no_wrap else longest
    width = console.width if sys.stdout.isatty() else _WIDTH
    options = console.options.update(max_width=1000)
    needed = Measurement.get(console, options, table).minimum
    if needed > width:
        table.padding = 0
        needed = Measurement.get(console, options, table).minimum
    for column in table.columns:
        column.max_width = None
    console.width = max(width, needed)
    console.print(table)


def echo_json(value: Any) -> None:
    """Print a value as JSON, with null for numbers that are not finite."""
    click.echo(json.dumps(_replace_not_finite(value), indent=2, allow_nan=False, default=str))


def _replace_not_finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _replace_not_finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_not_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def silence_warnings() -> None:
    """Hide warnings of other packages, and show those of aiida-hpaint once, as one line each."""
    warnings.simplefilter("ignore")
    shown: set[str] = set()

    def show_note(message: Warning | str, *_: object) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            say(f"Note: {message}")

    from aiida_hpaint.science.types import HpaintWarning

    warnings.simplefilter("always", HpaintWarning)
    warnings.showwarning = show_note  # type: ignore[assignment]


def convert_host_error(problems: tuple[HostProblem, ...]) -> CommandError:
    """Return the error that lists the problems of the hosts."""
    lines = "\n".join(f"  {problem}" for problem in problems)
    return CommandError(
        f"nothing was started, because of these hosts:\n{lines}\n"
        "Fix these files, or skip them with --skip-bad."
    )


def list_assumptions(hosts: StructureBatch) -> list[str]:
    """Return one line for each thing that was assumed, dropped or changed in a host."""
    from aiida_hpaint.science.structures import escape_control_characters

    return [
        escape_control_characters(f"{label}: {note}")
        for label, metadata in zip(hosts.labels, hosts.metadata, strict=True)
        for note in dict.fromkeys(metadata.get("notes") or ())
    ]


def show_provenance_commands(node: ProcessNode, has_results: bool = True) -> None:
    """Print the node that holds the provenance, and commands that show it.

    Parameters
    ----------
    node
        The process.
    has_results
        Whether `aiida-hpaint results` works for this kind of process.
    """
    if is_quiet():
        return
    pk = node.pk
    click.echo(f"\nProvenance of every structure: node {pk} ({node.uuid})")
    if sys.prefix != sys.base_prefix and os.environ.get("VIRTUAL_ENV") != sys.prefix:
        click.echo(f"  source {sys.prefix}/bin/activate")
    if "AIIDA_PATH" in os.environ:
        click.echo(f"  export AIIDA_PATH={os.environ['AIIDA_PATH']}")
    commands = [
        (f"verdi process status {pk}", "its processes, as a tree"),
        (f"verdi node show {pk}", "inputs and outputs"),
    ]
    if has_results:
        graph = f"aiida-hpaint provenance {pk} --graph provenance.svg"
        commands.append((graph, "a picture"))
        commands.append((f"aiida-hpaint results {pk}", "table and CIFs again"))
    for command, meaning in commands:
        click.echo(f"  {command:<52} {meaning}")


@contextmanager
def open_progress() -> Iterator[ShowProgress]:
    """Show progress on stderr: as bars in a terminal, elsewhere as a line now and then.

    The first that is shown begins the work of a command; what precedes it checks the command.
    """
    if is_quiet():
        yield lambda *_: begin_work()
        return
    if not sys.stderr.isatty():
        yield _make_line_printer()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(TextColumn("{task.description:<22}"), *columns, console=console) as bars:
        tasks = {}

        def update_bar(title: str, done: int, total: int) -> None:
            begin_work()
            if title not in tasks:
                tasks[title] = bars.add_task(title, total=total)
            bars.update(tasks[title], completed=done, total=total)

        yield update_bar


def _make_line_printer() -> ShowProgress:
    """Return a function that prints a task when it is done, and every half minute before."""
    shown: dict[str, tuple[int, int]] = {}
    last = time.monotonic()

    def print_line(title: str, done: int, total: int) -> None:
        nonlocal last
        begin_work()
        is_due = done == total or time.monotonic() - last > _INTERVAL
        if is_due and shown.get(title) != (done, total):
            shown[title] = (done, total)
            last = time.monotonic()
            click.echo(f"{title}: {done}/{total}", err=True)

    return print_line
