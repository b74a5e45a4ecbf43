"""The group of all commands, and how their errors are shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from aiida_hpaint import __version__
from aiida_hpaint.cli.campaigns.find import find
from aiida_hpaint.cli.campaigns.mark import mark
from aiida_hpaint.cli.campaigns.pick import pick
from aiida_hpaint.cli.campaigns.results import results
from aiida_hpaint.cli.campaigns.status import status
from aiida_hpaint.cli.campaigns.submit import submit
from aiida_hpaint.cli.commands import Group
from aiida_hpaint.cli.completion import complete_profiles
from aiida_hpaint.cli.errors import convert_error
from aiida_hpaint.cli.models.analyse import analyse
from aiida_hpaint.cli.models.benchmark import benchmark
from aiida_hpaint.cli.models.exchange import exchange
from aiida_hpaint.cli.models.models import models
from aiida_hpaint.cli.models.train import train
from aiida_hpaint.cli.models.trajectory import trajectory
from aiida_hpaint.cli.plugins import find_packages, load_command
from aiida_hpaint.cli.publish.export import export
from aiida_hpaint.cli.publish.provenance import provenance
from aiida_hpaint.cli.restore.audit import audit
from aiida_hpaint.cli.restore.count import count
from aiida_hpaint.cli.restore.demo import demo
from aiida_hpaint.cli.restore.inspect import inspect
from aiida_hpaint.cli.restore.powder import powder
from aiida_hpaint.cli.restore.restore import restore
from aiida_hpaint.cli.restore.restore_hydrogen import restore_hydrogen
from aiida_hpaint.cli.restore.validate import validate
from aiida_hpaint.cli.setup.setup import setup

_HELP = """Put missing hydrogen (or any element) back into crystals.

\b
First steps:
  aiida-hpaint inspect host.cif               what is missing, and how one knows
  aiida-hpaint restore host.cif --no-aiida    restore in plain Python
  aiida-hpaint setup                          AiiDA profile, computer, code, daemon
  aiida-hpaint restore host.cif               restore with provenance
  aiida-hpaint results PK                     table and CIFs of a restoration

Each command has more examples: aiida-hpaint COMMAND --help

The exit status is 0 if a command succeeds, 1 if it runs and does not succeed, and 2 if it is wrong:
an option, a value, or a file that cannot be read.
"""


class Commands(Group):
    """Commands in the order of use, whose errors show a message instead of a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added."""
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of this package or, under another name, of an installed one."""
        return super().get_command(ctx, cmd_name) or load_command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the names of those of other packages without importing them."""
        super().format_commands(ctx, formatter)
        rows = [
            (name, f"from the package {', '.join(packages)}")
            for name, packages in find_packages().items()
            if name not in self.commands
        ]
        if rows:
            with formatter.section("Commands of other packages"):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; without --debug, show errors as messages."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params["debug"]:
                raise
            raise convert_error(error) from error


@click.group(cls=Commands, help=_HELP)
@click.version_option(__version__, prog_name="aiida-hpaint")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.option(
    "-p",
    "--profile",
    metavar="NAME",
    shell_complete=complete_profiles,
    help="AiiDA profile to use.",
)
@click.pass_context
def main(ctx: click.Context, debug: bool, profile: str | None) -> None:
    """Put missing hydrogen back into crystals."""
    ctx.obj = {"debug": debug, "profile": profile}
    # AiiDA starts its daemon with the first `verdi` on the PATH, which must be that of this Python.
    folder = str(Path(sys.executable).parent)
    if os.environ.get("PATH", "").split(os.pathsep)[0] != folder:
        os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])


for command in (
    setup,
    inspect,
    restore,
    find,
    submit,
    status,
    results,
    pick,
    mark,
    provenance,
    count,
    validate,
    powder,
    audit,
    restore_hydrogen,
    trajectory,
    export,
    models,
    exchange,
    train,
    benchmark,
    analyse,
    demo,
):
    main.add_command(command)
