"""What the commands say and how."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.console import Console

    from aiida_hpaint.science.structures import HostProblem


def console() -> Console:
    """A console for tables and progress; as wide as a table needs where there is no terminal.

    Names of hosts are text: no markup in them is looked for.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else 120
    return Console(width=width, highlight=False, markup=False, emoji=False)


def quiet_warnings() -> None:
    """Warnings of other packages do not concern the user; ours are told in one line."""
    warnings.simplefilter("ignore")
    # spglib writes past Python; it tries several tolerances, and some are meant to fail.
    os.environ.setdefault("SPGLIB_WARNING", "OFF")

    def tell(message: Warning | str, *_: object) -> None:
        click.echo(f"Note: {message}", err=True)

    from aiida_hpaint.science.structures import IsotopeWarning

    warnings.simplefilter("always", IsotopeWarning)
    warnings.showwarning = tell  # type: ignore[assignment]


def refuse(problems: tuple[HostProblem, ...]) -> click.ClickException:
    """The error that lists what is wrong with the hosts."""
    lines = "\n".join(f"  {problem}" for problem in problems)
    error = click.ClickException(
        f"nothing was started, because of these hosts:\n{lines}\n"
        "Mend them, or leave them out with --skip-bad."
    )
    error.exit_code = 2
    return error


def tell_provenance(node: ProcessNode, results: bool = True) -> None:
    """Say which node holds the provenance, and how to look at it; some have no `results`."""
    pk = node.pk
    click.echo(f"\nProvenance: node {pk} ({node.uuid}) holds how every structure came to be.")
    if sys.prefix != sys.base_prefix and os.environ.get("VIRTUAL_ENV") != sys.prefix:
        click.echo(f"  source {sys.prefix}/bin/activate")
    if "AIIDA_PATH" in os.environ:
        click.echo(f"  export AIIDA_PATH={os.environ['AIIDA_PATH']}")
    commands = [
        (f"verdi process status {pk}", "the tree of its processes"),
        (f"verdi node show {pk}", "inputs and outputs"),
        (f"verdi node graph generate {pk}", "a picture of the graph"),
    ]
    if results:
        commands.append((f"aiida-hpaint results {pk}", "table and CIFs again"))
    for command, meaning in commands:
        click.echo(f"  {command:<34} {meaning}")
