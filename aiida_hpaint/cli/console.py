"""Output of the commands: tables, progress, warnings, and where the provenance is."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from aiida_hpaint.cli.errors import CommandError, begin_work

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.console import Console

    from aiida_hpaint.science.structures import HostProblem, StructureBatch


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


def silence_warnings() -> None:
    """Hide warnings of other packages, and show those of aiida-hpaint as one line each."""
    warnings.simplefilter("ignore")
    # spglib prints from C; aiida-hpaint tries several tolerances, some of which must fail.
    os.environ.setdefault("SPGLIB_WARNING", "OFF")

    def show_note(message: Warning | str, *_: object) -> None:
        click.echo(f"Note: {message}", err=True)

    from aiida_hpaint.science.structures import IsotopeWarning

    warnings.simplefilter("always", IsotopeWarning)
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
    pk = node.pk
    click.echo(f"\nProvenance of every structure: node {pk} ({node.uuid})")
    if sys.prefix != sys.base_prefix and os.environ.get("VIRTUAL_ENV") != sys.prefix:
        click.echo(f"  source {sys.prefix}/bin/activate")
    if "AIIDA_PATH" in os.environ:
        click.echo(f"  export AIIDA_PATH={os.environ['AIIDA_PATH']}")
    commands = [
        (f"verdi process status {pk}", "its processes, as a tree"),
        (f"verdi node show {pk}", "inputs and outputs"),
        (f"verdi node graph generate {pk}", "a picture of the graph"),
    ]
    if has_results:
        commands.append((f"aiida-hpaint results {pk}", "table and CIFs again"))
    for command, meaning in commands:
        click.echo(f"  {command:<34} {meaning}")


@contextmanager
def open_progress() -> Iterator[ShowProgress]:
    """Show progress as bars in a terminal, and as one line for each change elsewhere.

    The first that is shown begins the work of a command; what precedes it checks the command.
    """
    if not sys.stdout.isatty():
        shown: dict[str, tuple[int, int]] = {}

        def print_line(title: str, done: int, total: int) -> None:
            begin_work()
            if shown.get(title) != (done, total):
                shown[title] = (done, total)
                click.echo(f"{title}: {done}/{total}")

        yield print_line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(TextColumn("{task.description:<22}"), *columns) as bars:
        tasks = {}

        def update_bar(title: str, done: int, total: int) -> None:
            begin_work()
            if title not in tasks:
                tasks[title] = bars.add_task(title, total=total)
            bars.update(tasks[title], completed=done, total=total)

        yield update_bar
