"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

add_generator_option = click.option(
    "--generator",
    metavar="NAME",
    help="A name from `aiida-hpaint models list`, random, or the path of a model.",
)
add_seed_option = click.option("--seed", type=int, metavar="N", help="Seed of the noise.")
add_potential_option = click.option(
    "--potential", metavar="NAME", help="See `aiida-hpaint models list`."
)
add_code_option = click.option(
    "--code", metavar="LABEL", help="Python to run the jobs; without it, this one, here."
)
add_no_aiida_option = click.option(
    "--no-aiida", is_flag=True, help="Plain Python: no daemon and no provenance."
)


def add_samples_option(each: str) -> Callable[[Command], Command]:
    """How many samples for each of what."""
    return click.option("--samples", type=int, metavar="N", help=f"Samples for each {each}.")


def add_set_option(examples: str) -> Callable[[Command], Command]:
    """Settings that have no option of their own."""
    return click.option(
        "--set",
        "set_",
        multiple=True,
        metavar="KEY=VALUE",
        help=f"Any other setting, like {examples}; may be repeated.",
    )


def add_output_option(holds: str, default: str | None = None) -> Callable[[Command], Command]:
    """The folder for what was found."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        default=default,
        show_default=default is not None,
        help=f"Folder for {holds}.",
    )


_HOSTS: tuple[Callable[[Any], Any], ...] = (
    click.argument("files", nargs=-1, required=True, metavar="FILES..."),
    click.option(
        "--add", metavar="EL:N", help="Sites to insert in each host, like H:4 or H:4,Li:1."
    ),
    click.option("--skip-bad", is_flag=True, help="Leave out hosts with problems."),
)
_SETTINGS: tuple[Callable[[Any], Any], ...] = (
    click.option("--protocol", metavar="NAME", help="fast, balanced (default) or stringent."),
    add_samples_option("host"),
    click.option(
        "--candidates",
        type=click.IntRange(min=1),
        metavar="N",
        help="Relax only the N lowest samples of each host after a short relaxation of all: for "
        "many samples. --set score.max_steps=0 compares them as they were drawn.",
    ),
    add_seed_option,
    add_generator_option,
    click.option(
        "--scheme",
        type=click.Choice(["td", "pos-only", "baseline", "repaint"]),
        help="How the host takes part in sampling: clean and known as such (td, for models trained "
        "so), clean (pos-only), re-noised at each level (baseline), that with resampling "
        "(repaint). Without it, as the model's card recommends.",
    ),
    click.option(
        "--steps",
        type=click.IntRange(min=2),
        metavar="N",
        help="Noise levels of sampling; without it, as the model's card recommends.",
    ),
    click.option(
        "--record",
        is_flag=True,
        help="Keep how samples were drawn, for `aiida-hpaint trajectory`. "
        "--set sampling.record=10 keeps every tenth step.",
    ),
    add_potential_option,
    click.option(
        "--validate",
        type=click.Choice(["dft"]),
        help="Relax the lowest candidate of each host with Quantum ESPRESSO at the end.",
    ),
    click.option(
        "--rank",
        metavar="dft|dft-top:N",
        help="Relax with Quantum ESPRESSO all candidates of each host that finished, or the N "
        "lowest of those within validation.margin, and let DFT choose.",
    ),
    click.option(
        "--start-from",
        type=click.Choice(["peaks"]),
        help="Start from maxima of the electrostatic potential (pw.x and pp.x) instead of random "
        "noise. With --set sampling.start_time=0.3 the generator takes --samples around each.",
    ),
    click.option("--dft-protocol", metavar="NAME", help="fast, balanced (default) or paper."),
    add_set_option("relax_all.fmax=0.02 or validation.dft.kpoints_distance=0.2"),
    add_code_option,
    click.option("--dft-code", metavar="LABEL", help="pw.x to run; without it, pw@localhost."),
    click.option(
        "--upload-model",
        is_flag=True,
        help="Send the generator's weights along with the jobs: it need not be where they run, "
        "and is stored in the provenance.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Chunks that the hosts are cut into at most; without it, one for each core here.",
    ),
)

_JOBS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--processes",
        type=click.IntRange(min=1),
        metavar="N",
        help="MPI processes of each job of Quantum ESPRESSO; 1 without it.",
    ),
    click.option(
        "--walltime", type=click.IntRange(min=60), metavar="S", help="Of each job, in seconds."
    ),
)


def add_host_options(command: Command) -> Command:
    """Which hosts."""
    return add_options(_HOSTS)(command)


def add_restoration_options(command: Command) -> Command:
    """How to restore them, and where."""
    return add_options(_SETTINGS)(command)


def add_job_options(command: Command) -> Command:
    """How many processes the jobs of Quantum ESPRESSO have, and for how long."""
    return add_options(_JOBS)(command)


def make_job_options(processes: int | None, walltime: int | None) -> dict[str, Any]:
    """`metadata.options` of jobs of Quantum ESPRESSO, as far as flags say them."""
    machine = {"num_machines": 1, "num_mpiprocs_per_machine": processes}
    return {
        **({"resources": machine} if processes else {}),
        **({"max_wallclock_seconds": walltime} if walltime else {}),
    }


def add_options(*groups: Sequence[Callable[[Any], Any]]) -> Callable[[Command], Command]:
    """A decorator that gives a command the options of all groups, in their order."""

    def decorated(command: Command) -> Command:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorated
