"""aiida-hpaint setup computer."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_computers
from aiida_hpaint.cli.options import add_options

if TYPE_CHECKING:
    from aiida.orm import Computer

_HELP = """Set up a computer that jobs run on, and test it.

NAME is the label in AiiDA. HOST is what `ssh HOST` takes: user, port, key and jump hosts belong to
its block in ~/.ssh/config, and its host key must be known (log in once by hand). Repeating the
command changes the options that are given; host, transport and scheduler are fixed once jobs have
run there.

The test connects, checks that the login shell prints nothing, writes a file into the work
directory, and lists the jobs of the scheduler; `aiida-hpaint setup computer NAME` repeats it.

--yaml takes the files of `verdi computer setup` and `verdi computer configure`, which many
computing centres provide; both may be in one file.

\b
Examples:
  aiida-hpaint setup computer cluster \\
      --host cluster.example.org --work-dir /scratch/{username}
  aiida-hpaint setup computer gpu --host gpu \\
      --work-dir /scratch/me --prepend 'module load cuda'
  aiida-hpaint setup computer cluster --yaml cluster.yaml \\
      --mpirun 'srun -n {tot_num_mpiprocs}'
  aiida-hpaint setup computer me --transport core.local \\
      --scheduler core.direct --work-dir /scratch
  aiida-hpaint setup computer cluster            test it again
"""

_OPTIONS = (
    click.option("--host", "hostname", metavar="HOST", help="Host name, as in `ssh HOST`."),
    click.option(
        "--work-dir",
        metavar="FOLDER",
        help="Folder on the computer in which jobs run; {username} stands for the user there.",
    ),
    click.option(
        "--transport",
        metavar="PLUGIN",
        help="Connection to the computer: core.ssh_async (default), core.ssh, or core.local for "
        "this machine.",
    ),
    click.option(
        "--scheduler",
        metavar="PLUGIN",
        help="Scheduler: core.slurm (default), core.pbspro, core.torque, core.sge, core.lsf, or "
        "core.direct for none.",
    ),
    click.option(
        "--mpirun",
        "mpirun_command",
        metavar="COMMAND",
        help="Command that starts MPI programs, like 'srun -n {tot_num_mpiprocs}'.",
    ),
    click.option(
        "--mpiprocs",
        "mpiprocs_per_machine",
        type=click.IntRange(min=1),
        metavar="N",
        help="MPI processes on each machine, for jobs that do not set them.  [default: 1]",
    ),
    click.option(
        "--prepend",
        "prepend_text",
        metavar="FILE|TEXT",
        help="Lines of every job script before the program, like `module load ...`.",
    ),
    click.option(
        "--append",
        "append_text",
        metavar="FILE|TEXT",
        help="Lines of every job script after the program.",
    ),
    click.option(
        "--safe-interval",
        type=click.FloatRange(min=0),
        metavar="S",
        help="Shortest time between two connections, s; many sites ban users for shorter ones.",
    ),
    click.option(
        "--poll-interval",
        type=click.FloatRange(min=0),
        metavar="S",
        help="Shortest time between two queries of the queue, s.  [default: 10]",
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
        help="File of verdi with all settings; other options replace its values.",
    ),
    click.option("--no-test", is_flag=True, help="Skip the test, and do not connect."),
)


@click.command("computer", cls=Command, help=_HELP)
@click.argument("name", shell_complete=complete_computers)
@add_options(_OPTIONS)
@click.pass_obj
def set_up_computer(
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
    computer, is_new, changes = ensure_computer(name, settings)
    place = f"{computer.hostname}, {computer.transport_type}, {computer.scheduler_type}"
    click.echo(f"computer  {computer.label} ({place}){', created' if is_new else ''}")
    for change in changes:
        click.echo(f"  {change}")
    if not (no_test or _report_tests(computer)):
        raise click.exceptions.Exit(1)
    click.echo(f"Next: aiida-hpaint setup codes {shlex.quote(name)} --python /PATH/bin/python")


def _report_tests(computer: Computer) -> bool:
    """Test a computer and print each step, with what to do about failures; return if all pass."""
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.computer_tests import run_tests
    from aiida_hpaint.science.structures.safe_text import escape_control_characters

    if computer.transport_type != "core.local" and ensure_daemon():
        # Asynchronous transports communicate through the runner, whose broker the daemon starts.
        click.echo("daemon    started")
    all_passed = True
    for step in run_tests(computer):
        found = escape_control_characters(step.found)
        click.echo(f"  {'ok' if step.is_ok else 'FAILED':<8}{step.what:<13}{found}")
        if not step.is_ok:
            all_passed = False
            click.echo(f"{'':<10}{escape_control_characters(step.remedy)}")
    return all_passed
