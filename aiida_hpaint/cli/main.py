"""The group of all commands, and how their errors are shown."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from aiida_hpaint import __version__
from aiida_hpaint.cli.commands import Group
from aiida_hpaint.cli.completion import complete_profiles
from aiida_hpaint.cli.errors import convert_error
from aiida_hpaint.cli.plugins import find_packages, load_command

_MODULES = {
    "setup": "setup.setup",
    "inspect": "restore.inspect",
    "restore": "restore.restore",
    "find": "campaigns.find",
    "submit": "campaigns.submit",
    "status": "campaigns.status",
    "results": "campaigns.results",
    "pick": "campaigns.pick",
    "mark": "campaigns.mark",
    "provenance": "publish.provenance",
    "count": "restore.count",
    "validate": "restore.validate",
    "powder": "restore.powder",
    "audit": "restore.audit",
    "restore-hydrogen": "restore.restore_hydrogen",
    "trajectory": "models.trajectory",
    "export": "publish.export",
    "models": "models.models",
    "exchange": "models.exchange",
    "train": "models.train",
    "benchmark": "models.benchmark",
    "analyse": "models.analyse",
    "demo": "restore.demo",
}
"""Modules of the commands in the order of use; each is imported with its command."""

_HELP = """Put missing hydrogen (or any element) back into crystals.

\b
First steps:
  aiida-hpaint inspect host.cif             what is missing, and how one knows
  aiida-hpaint restore host.cif --no-aiida  restore in plain Python
  aiida-hpaint setup                        AiiDA's profile, code, daemon
  aiida-hpaint restore host.cif             restore with provenance
  aiida-hpaint results PK                   table and CIFs of a restoration

Each command has more examples: aiida-hpaint COMMAND --help

The exit status is 0 if a command succeeds, 1 if it runs and does not succeed, and 2 if it is wrong:
an option, a value, or a file that cannot be read.
"""


class Commands(Group):
    """Commands in the order of use, whose errors show a message instead of a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands of this package in the order of use."""
        return [*_MODULES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of this package or, under another name, of an installed one."""
        if cmd_name not in _MODULES:
            return load_command(cmd_name)
        module = import_module(f"aiida_hpaint.cli.{_MODULES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the names of those of other packages without importing them."""
        super().format_commands(ctx, formatter)
        rows = [
            (name, f"from the package {', '.join(packages)}")
            for name, packages in find_packages().items()
            if name not in _MODULES
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
