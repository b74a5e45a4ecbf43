"""aiida-hpaint setup computer."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from aiida_hpaint.cli.options import add_options

HELP = """Set up a computer that jobs run on, and test it.

NAME is what AiiDA calls it. HOST is what `ssh HOST` takes: user, port, key and jump hosts belong to
its block in ~/.ssh/config, and its key has to be known (log in once by hand). What is given again
later is changed, except for host, transport and scheduler once jobs have run there.

The test connects, looks whether the login shell is quiet, writes into the work directory, and asks
the scheduler for its jobs; it is repeated with `aiida-hpaint setup computer NAME`.

--yaml takes the files that `verdi computer setup` and `verdi computer configure` take, which many
computing centres offer; both may be in one.

\b
Examples:
  aiida-hpaint setup computer cluster --host cluster.example.org --work-dir /scratch/{username}
  aiida-hpaint setup computer gpu --host gpu --work-dir /scratch/me --prepend 'module load cuda'
  aiida-hpaint setup computer cluster --yaml cluster.yaml --mpirun 'srun -n {tot_num_mpiprocs}'
  aiida-hpaint setup computer me --transport core.local --scheduler core.direct --work-dir /scratch
  aiida-hpaint setup computer cluster            test it again
"""

_OPTIONS = (
    click.option("--host", "hostname", metavar="HOST", help="As in `ssh HOST`."),
    click.option(
        "--work-dir", metavar="FOLDER", help="There, with room; {username} is replaced in it."
    ),
    click.option(
        "--transport",
        metavar="PLUGIN",
        help="core.ssh_async (default), core.ssh, or core.local for this machine.",
    ),
    click.option(
        "--scheduler",
        metavar="PLUGIN",
        help="core.slurm (default), core.pbspro, core.torque, core.sge, core.lsf, or core.direct "
        "without one.",
    ),
    click.option(
        "--mpirun", "mpirun_command", metavar="COMMAND", help="Like 'srun -n {tot_num_mpiprocs}'."
    ),
    click.option(
        "--mpiprocs",
        "mpiprocs_per_machine",
        type=click.IntRange(min=1),
        metavar="N",
        help="Processes on one machine where a job does not say; without it, 1.",
    ),
    click.option(
        "--prepend",
        "prepend_text",
        metavar="FILE|TEXT",
        help="Lines of every job script, before its program: `module load ...`.",
    ),
    click.option("--append", "append_text", metavar="FILE|TEXT", help="Lines after its program."),
    click.option(
        "--safe-interval",
        type=click.FloatRange(min=0),
        metavar="S",
        help="Seconds between two connections at least; many sites ban faster ones.",
    ),
    click.option(
        "--poll-interval",
        type=click.FloatRange(min=0),
        metavar="S",
        help="Seconds between two looks at the queue at least; without it, 10.",
    ),
    click.option(
        "--connect",
        "connect",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any other parameter of the transport, like backend=openssh; may be repeated.",
    ),
    click.option(
        "--yaml",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Everything, as verdi takes it; what is given beside it wins.",
    ),
    click.option("--no-test", is_flag=True, help="Do not connect."),
)


@click.command(help=HELP)
@click.argument("name")
@add_options(_OPTIONS)
@click.pass_obj
def computer(
    obj: dict[str, str | None],
    /,
    name: str,
    connect: tuple[str, ...],
    safe_interval: float | None,
    file: Path | None,
    no_test: bool,
    **flags: Any,
) -> None:
    """Set up a computer that jobs run on, and test it."""
    from aiida_hpaint.cli.setup.computer_settings import (
        check_label,
        read_computer,
        read_pairs,
        read_text,
    )
    from aiida_hpaint.cli.setup.computers import ensure_computer
    from aiida_hpaint.cli.setup.local import ensure_profile

    flags["connection"] = read_pairs(connect)
    if safe_interval is not None:
        flags["connection"]["safe_interval"] = safe_interval
    for key in ("prepend_text", "append_text"):
        flags[key] = read_text(flags[key])
    if flags["transport"] == "core.local":
        flags["hostname"] = flags["hostname"] or "localhost"
    settings = read_computer(check_label(name), file, flags)
    ensure_profile(obj["profile"])
    found = ensure_computer(name, settings)
    _tell(found.computer, found.is_new, found.changes)
    if not (no_test or _passes(found.computer)):
        raise click.exceptions.Exit(1)
    click.echo(f"Next: aiida-hpaint setup codes {shlex.quote(name)} --python /PATH/bin/python")


def _tell(computer: Any, is_new: bool, changes: tuple[str, ...]) -> None:
    where = f"{computer.hostname}, {computer.transport_type}, {computer.scheduler_type}"
    click.echo(f"computer  {computer.label} ({where}){', made now' if is_new else ''}")
    for change in changes:
        click.echo(f"  {change}")


def _passes(computer: Any) -> bool:
    """Test a computer, tell each step, and say what to do where one fails."""
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.computer_tests import try_computer
    from aiida_hpaint.science.structures.names import shown

    if computer.transport_type != "core.local" and ensure_daemon():
        # Asynchronous transports talk through the runner, whose broker is the daemon's.
        click.echo("daemon    started")
    all_well = True
    for step in try_computer(computer):
        told = shown(step.found)
        click.echo(f"  {'ok' if step.is_ok else 'FAILED':<8}{step.what:<13}{told}")
        if not step.is_ok:
            all_well = False
            click.echo(f"{'':<10}{shown(step.remedy)}")
    return all_well
