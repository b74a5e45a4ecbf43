"""aiida-hpaint setup: everything that AiiDA needs, once."""

from __future__ import annotations

import click

HELP = """Set up AiiDA on this machine: profile, computer, code and daemon.

Makes what is missing and leaves alone what is there, so it can run as often as you like. A
profile that it makes keeps its data in SQLite and brings its own message broker: nothing else
has to be installed. AIIDA_PATH says where AiiDA keeps it all (your home directory without it).

\b
Examples:
  aiida-hpaint setup                  the default profile, or a new one named hpaint
  aiida-hpaint -p campaign setup      a profile of its own
  AIIDA_PATH=$PWD aiida-hpaint setup  everything inside this folder
"""


@click.command(help=HELP)
@click.pass_obj
def setup(obj: dict[str, str | None]) -> None:
    """Set up AiiDA on this machine."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import quiet_warnings

    quiet_warnings()
    profile, is_new = session.ensure_profile(obj["profile"])
    _tell("profile", profile.name, is_new)
    computer, is_new = session.ensure_computer()
    _tell("computer", computer.label, is_new)
    code, is_new = session.ensure_code(computer)
    _tell("code", f"{code.full_label} ({code.filepath_executable})", is_new)
    started = session.ensure_daemon()
    click.echo(f"daemon    {'started' if started else 'running'}")
    click.echo("Ready: aiida-hpaint restore host.cif")


def _tell(what: str, name: str, is_new: bool) -> None:
    click.echo(f"{what:<9} {name}{', made now' if is_new else ''}")
