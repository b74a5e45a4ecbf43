"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from aiida_hpaint.cli.completion import (
    complete_codes,
    complete_dft_protocols,
    complete_formats,
    complete_generators,
    complete_potentials,
    complete_protocols,
)

Command = TypeVar("Command", bound=Callable[..., Any])

add_generator_option = click.option(
    "--generator",
    metavar="NAME",
    shell_complete=complete_generators,
    help="Model that samples positions: a name from `aiida-hpaint models list`, `random`, or the "
    "path of a model.",
)
add_seed_option = click.option("--seed", type=int, metavar="N", help="Seed of the random numbers.")
add_potential_option = click.option(
    "--potential",
    metavar="NAME",
    shell_complete=complete_potentials,
    help="Machine-learned potential; `aiida-hpaint models list` names them.",
)
add_code_option = click.option(
    "--code",
    metavar="LABEL",
    shell_complete=complete_codes,
    help="Code of the Python that runs the jobs.  [default: this Python, on this machine]",
)
add_no_aiida_option = click.option(
    "--no-aiida", is_flag=True, help="Run in plain Python, without daemon and provenance."
)

add_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the results as JSON, and nothing else on stdout."
)


def add_samples_option(each: str) -> Callable[[Command], Command]:
    """Return the option --samples, the number for each `each`."""
    return click.option(
        "--samples",
        type=click.IntRange(min=1),
        metavar="N",
        help=f"Number of samples for each {each}.",
    )


def add_espresso_option(flag: str, program: str) -> Callable[[Command], Command]:
    """Return the option for the code of a program of Quantum ESPRESSO, `pw` or `pp`."""
    return click.option(
        flag,
        metavar="LABEL",
        shell_complete=complete_codes,
        help=f"Code of {program}.x.  [default: {program}@localhost]",
    )


def add_set_option(examples: str) -> Callable[[Command], Command]:
    """Return the option --set, for settings that have no option of their own."""
    return click.option(
        "--set",
        "set_",
        multiple=True,
        metavar="KEY=VALUE",
        help=f"Any other setting, like {examples}; may be repeated.",
    )


def add_output_option(content: str, default: str | None = None) -> Callable[[Command], Command]:
    """Return the option --output, the folder for some content.

    The folder is tried before the command begins, and locked until it ends.
    """
    add_option = click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        default=default,
        show_default=default is not None,
        help=f"Folder for {content}.",
    )

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(*arguments: Any, **values: Any) -> Any:
            from aiida_hpaint.science.outputs import lock_folder

            folder = values["output"]
            with nullcontext() if folder is None else lock_folder(folder):
                return command(*arguments, **values)

        return cast("Command", add_option(run))

    return decorate


def _split_formats(_context: Any, _option: Any, text: str) -> tuple[str, ...]:
    from aiida_hpaint.science.structures.writing import FORMATS
    from aiida_hpaint.science.wording import suggest

    chosen = tuple(dict.fromkeys(each.strip().lower() for each in text.split(",")))
    unknown = [each for each in chosen if each not in FORMATS]
    if unknown:
        known = ", ".join(FORMATS)
        meant = suggest(unknown[0], FORMATS)
        raise click.BadParameter(f"there is no format {unknown[0]!r}: choose among {known}.{meant}")
    return chosen


add_format_option = click.option(
    "--format",
    "formats",
    default="cif",
    show_default=True,
    metavar="LIST",
    callback=_split_formats,
    shell_complete=complete_formats,
    help="Formats of restored structures: cif, res (SHELX, with riding H), res-restrained, poscar, "
    "extxyz, json (pymatgen), or several of them, separated by commas.",
)
add_report_option = click.option(
    "--report",
    type=click.Choice(["shared", "alone", "none"]),
    default="shared",
    show_default=True,
    help="Pages of several hosts share one copy of the 3D viewer, or have their own (0.5 MB each) "
    "so that they can be sent alone; or no report is written.",
)
add_disorder_option = click.option(
    "--disorder",
    metavar="POLICY",
    help="What is made of partial and mixed occupancy: majority (the main component of each "
    "site and disorder group), ordered:N (the N most plausible ordered cells) or refuse.  "
    "[default: majority]",
)
_READING: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--add",
        metavar="EL:N",
        help="Sites to insert in each host, like H:4 or H:4,Li:1.  [default: what its file lacks]",
    ),
    click.option(
        "--budget",
        metavar="SITE:N,...",
        help="Missing H on each atom of a listed site, like O1:1,Wat:2.",
    ),
    click.option(
        "--trust",
        type=click.Choice(["labels", "formula", "add"]),
        help="What to believe where a file contradicts itself (labels or formula) or --add (add).",
    ),
    add_disorder_option,
)
_HOSTS = (
    *_READING,
    click.option(
        "--replace",
        metavar="SITES",
        help="Sites to take out of each host and insert anew (as many, or what --add says): "
        "elements, labels, numbers (#3-6) or H within 2.5 of N1, separated by commas.",
    ),
    click.option(
        "--dilute",
        type=click.FloatRange(min=0, min_open=True),
        metavar="DISTANCE",
        help="Repeat each host so that images of a site are this far apart, Å; --add is then the "
        "number of sites in the supercell.",
    ),
    click.option("--skip-bad", is_flag=True, help="Leave out hosts with problems."),
)
_RESTORATION: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--protocol",
        metavar="NAME",
        shell_complete=complete_protocols,
        help="Protocol of the settings: fast, balanced (default) or stringent.",
    ),
    add_samples_option("host"),
    click.option(
        "--candidates",
        type=click.IntRange(min=1),
        metavar="N",
        help="Compare all samples after a short relaxation, and relax only the N lowest of each "
        "host further. --set score.max_steps=0 compares them unrelaxed.",
    ),
    add_seed_option,
    add_generator_option,
    click.option(
        "--scheme",
        type=click.Choice(["td", "pos-only", "baseline", "repaint"]),
        help="Inpainting scheme: host sites without noise and at time zero (td, for models trained "
        "so), without noise (pos-only), with the noise of each level (baseline), or that with "
        "resampling (repaint).  [default: from the model's card]",
    ),
    click.option(
        "--steps",
        type=click.IntRange(min=2),
        metavar="N",
        help="Number of noise levels of the sampling.  [default: from the model's card]",
    ),
    click.option(
        "--record",
        is_flag=True,
        help="Record the sampling for `aiida-hpaint trajectory`. --set sampling.record=10 records "
        "every tenth step.",
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
        help="Rank candidates by their energy after relaxation with Quantum ESPRESSO: all, or the "
        "N lowest of each host within validation.margin.",
    ),
    click.option(
        "--start-from",
        type=click.Choice(["peaks"]),
        help="Start from maxima of the electrostatic potential (pw.x and pp.x) instead of random "
        "noise. With --set sampling.start_time=0.3 the generator takes --samples around each.",
    ),
    click.option(
        "--dft-protocol",
        metavar="NAME",
        shell_complete=complete_dft_protocols,
        help="Protocol of the DFT settings: fast, balanced (default) or paper.",
    ),
    add_set_option("relax_all.fmax=0.02 or validation.dft.kpoints_distance=0.2"),
    add_code_option,
    add_espresso_option("--dft-code", "pw"),
    click.option(
        "--upload-model",
        is_flag=True,
        help="Send the generator's weights along with the jobs, and store them in the provenance; "
        "the model need not be installed where the jobs run.",
    ),
    click.option(
        "--upload-potential",
        is_flag=True,
        help="Send the file of the potential along with the jobs, and store it in the provenance.",
    ),
    click.option(
        "--one-job/--separate-jobs",
        default=None,
        help="Run all stages of a chunk in one job, or each in jobs of its own.  [default: one job "
        "for up to 2000 sites in all samples, if all stages have the same code and options]",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Largest number of chunks that the hosts are divided into.  [default: the number of "
        "cores of this machine]",
    ),
)

_JOBS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--processes",
        type=click.IntRange(min=1),
        metavar="N",
        help="MPI processes of each Quantum ESPRESSO job.  [default: 1]",
    ),
    click.option(
        "--walltime", type=click.IntRange(min=60), metavar="S", help="Walltime of each job, s."
    ),
)


def add_reading_options(command: Command) -> Command:
    """Add --add, --budget, --trust and --disorder to a command."""
    return add_options(_READING)(command)


def add_host_options(command: Command) -> Command:
    """Add the options of reading and --skip-bad to a command."""
    return add_options(_HOSTS)(command)


def add_restoration_options(command: Command) -> Command:
    """Add the options that say how and where hosts are restored to a command."""
    return add_options(_RESTORATION)(command)


def add_job_options(command: Command) -> Command:
    """Add the options of Quantum ESPRESSO jobs, --processes and --walltime, to a command."""
    return add_options(_JOBS)(command)


def make_job_options(processes: int | None, walltime: int | None) -> dict[str, Any]:
    """Return the `metadata.options` of Quantum ESPRESSO jobs that --processes, --walltime give."""
    machine = {"num_machines": 1, "num_mpiprocs_per_machine": processes}
    return {
        **({"resources": machine} if processes else {}),
        **({"max_wallclock_seconds": walltime} if walltime else {}),
    }


def add_options(*groups: Sequence[Callable[[Any], Any]]) -> Callable[[Command], Command]:
    """Return a decorator that adds the options of all groups to a command, in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate
