"""aiida-hpaint analyse: stored benchmarks side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Group
from aiida_hpaint.cli.verbosity import say

if TYPE_CHECKING:
    from aiida_hpaint.science.benchmark.analyses import Analysis

_HELP = """Analyse stored benchmarks: settings, potentials, distances, training data, failures.

FOLDERS are those that `aiida-hpaint benchmark` wrote. Nothing is run again. Each analysis prints a
table, says what it left out, and writes CSV files and a figure (PNG and PDF).

\b
Examples:
  aiida-hpaint analyse sampling runs/steps25 runs/steps100 \\
      --against sampling.steps
  aiida-hpaint analyse potentials runs/ranks \\
      --energies DFT=validated/validation.csv
  aiida-hpaint analyse distances runs/mp20 runs/minerals
  aiida-hpaint analyse similarity runs/mp20 --training train.npz
  aiida-hpaint analyse failures runs/mp20 runs/random
"""

SAMPLING_HELP = """Compare success rates of runs that differ in settings.

One run for each value makes the folders, with the same references each time:
`aiida-hpaint benchmark FILE --set sampling.steps=50 --output runs/steps50`. Rates are those of one
sample and of any, as sampled and relaxed, on the hosts that all runs have finished.

\b
Examples:
  aiida-hpaint analyse sampling runs/steps* --against sampling.steps \\
      -o analyses
  aiida-hpaint analyse sampling runs/snr* --against sampling.snr
  aiida-hpaint analyse sampling runs/before runs/after
"""

POTENTIALS_HELP = """Compare energies of the same candidates by several potentials and by DFT.

Potentials come from benchmarks that were run with --potentials, and from --energies. Each pair of
candidates of a host has an energy difference: the table has its correlation with that of another
potential (or of DFT), rank correlations, and how often the lowest candidate is the same.

Energies by DFT are those of `aiida-hpaint validate PK --candidates N` (validation.csv), after
relaxation by DFT; candidates are the same if label and rank are.

\b
Examples:
  aiida-hpaint analyse potentials runs/ranks
  aiida-hpaint analyse potentials runs/ranks \\
      --energies DFT=validated/validation.csv
  aiida-hpaint analyse potentials \\
      --energies sevennet-0=restored/candidates.extxyz \\
      --energies DFT=validated/validation.csv
"""

DISTANCES_HELP = """Show how far samples are from their references, before and after relaxation.

Distances are root mean squares over inserted sites and the largest of them (Å), up to the symmetry
of the host, and those of StructureMatcher for samples that match.

\b
Examples:
  aiida-hpaint analyse distances runs/mp20 runs/minerals -o analyses
"""

SIMILARITY_HELP = """Compare references with training data, and success with their similarity.

For each reference, the distance to the nearest training structure by composition (earth mover's
distance on Pettifor's scale) and by structure (average minimum distances, Å); success rates of
thirds of the hosts, the nearest first; rank correlation of distance and success.

\b
Examples:
  aiida-hpaint analyse similarity runs/mp20 --training train.npz
  aiida-hpaint analyse similarity runs/mp20 --training cifs \\
      --references references.extxyz
"""

FAILURES_HELP = """Count successes and kinds of failure by number of sites.

SOURCES are folders of benchmarks, and files that `benchmarks/baseline.py` wrote: the baseline
that places sites at maxima of electrostatic potentials and relaxes by DFT, beside diffusion.

\b
Examples:
  aiida-hpaint analyse failures runs/mp20 runs/random
  aiida-hpaint analyse failures runs/baseline.jsonl runs/mp20
"""

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_ANY = click.Path(path_type=Path, exists=True)

Command = TypeVar("Command", bound=Callable[..., Any])


def _add_folders(is_required: bool = True) -> Callable[[Command], Command]:
    return click.argument(
        "folders", nargs=-1, required=is_required, metavar="FOLDERS...", type=_FOLDER
    )


_add_output = options.add_output_option("CSV files and figure", "analyses")


@click.group(cls=Group, help=_HELP)
def analyse() -> None:
    """Analyse stored benchmarks: settings, potentials, distances, training data, failures."""


@analyse.command("sampling", help=SAMPLING_HELP)
@_add_folders()
@click.option(
    "--against",
    metavar="SETTING",
    help="Setting on the axis of the figure.  [default: the only number in which runs differ]",
)
@_add_output
@options.add_json_option
def sampling(folders: tuple[Path, ...], against: str | None, output: Path, as_json: bool) -> None:
    """Compare success rates of runs that differ in settings."""
    from aiida_hpaint.science.benchmark.analyses import analyse_sampling, read_stored_runs

    _show(analyse_sampling(read_stored_runs(folders), against), output, as_json)


def _split_energies(_context: Any, _option: Any, texts: tuple[str, ...]) -> list[tuple[str, Path]]:
    named = []
    for text in texts:
        name, _, path = text.partition("=")
        if not (name and path):
            raise click.BadParameter(f"{text!r} is not NAME=FILE, like DFT=validation.csv")
        if not Path(path).is_file():
            raise click.BadParameter(f"there is no file {path}")
        named.append((name, Path(path)))
    return named


@analyse.command("potentials", help=POTENTIALS_HELP)
@_add_folders(is_required=False)
@click.option(
    "--energies",
    multiple=True,
    metavar="NAME=FILE",
    callback=_split_energies,
    help="Energies by another potential or DFT: a validation.csv, a CSV with label, rank and "
    "energy_per_atom, or a candidates.extxyz; may be repeated.",
)
@click.option(
    "--against",
    metavar="NAME",
    help="Potential to compare with.  [default: DFT if there is one, else the one that ranked]",
)
@_add_output
@options.add_json_option
def potentials(
    folders: tuple[Path, ...],
    energies: list[tuple[str, Path]],
    against: str | None,
    output: Path,
    as_json: bool,
) -> None:
    """Compare energies of the same candidates by several potentials and by DFT."""
    from aiida_hpaint.science.benchmark.analyses import (
        analyse_potentials,
        read_benchmark_energies,
        read_stored_runs,
    )
    from aiida_hpaint.science.benchmark.analyses.energies import add_energies

    if not folders and not energies:
        raise click.UsageError("give folders of benchmarks, --energies NAME=FILE, or both")
    hosts, left_out = read_benchmark_energies(read_stored_runs(folders)), []
    for name, path in energies:
        hosts, more = add_energies(hosts, name, path, may_add_hosts=not folders)
        left_out += more
    _show(analyse_potentials(hosts, against), output, as_json, left_out)


@analyse.command("distances", help=DISTANCES_HELP)
@_add_folders()
@_add_output
@options.add_json_option
def distances(folders: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Show how far samples are from their references, before and after relaxation."""
    from aiida_hpaint.science.benchmark.analyses import analyse_distances, read_stored_runs

    _show(analyse_distances(read_stored_runs(folders)), output, as_json)


@analyse.command("similarity", help=SIMILARITY_HELP)
@_add_folders()
@click.option(
    "--training",
    "training",
    multiple=True,
    required=True,
    metavar="FILE",
    type=_ANY,
    help="Training data: npz, extxyz, CIF, a folder of CIFs or a cache folder of MatterGen; may be "
    "repeated.",
)
@click.option(
    "--references",
    metavar="FILE",
    type=_FILE,
    help="References, for runs that did not store them.",
)
@_add_output
@options.add_json_option
def similarity(
    folders: tuple[Path, ...],
    training: tuple[Path, ...],
    references: Path | None,
    output: Path,
    as_json: bool,
) -> None:
    """Compare references with training data, and success with their similarity."""
    from aiida_hpaint.cli.console import open_progress, silence_warnings
    from aiida_hpaint.science.benchmark.analyses import analyse_similarity, read_stored_runs
    from aiida_hpaint.science.benchmark.analyses.similarity import fingerprint_training
    from aiida_hpaint.science.diffusion.training.files import Source, load_structures
    from aiida_hpaint.science.structures import read_hosts

    silence_warnings()
    runs = read_stored_runs(folders)
    known = None if references is None else read_hosts(references)
    structures = load_structures([Source.model_validate(path) for path in training])
    with open_progress() as bars:
        found = fingerprint_training(
            structures, lambda done, total: bars("training structures", done, total)
        )
    _show(analyse_similarity(runs, found, known), output, as_json)


@analyse.command("failures", help=FAILURES_HELP)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCES...", type=_ANY)
@_add_output
@options.add_json_option
def failures(sources: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Count successes and kinds of failure by number of sites."""
    from aiida_hpaint.science.benchmark.analyses import analyse_failures, read_stored_runs
    from aiida_hpaint.science.benchmark.analyses.failures import list_outcomes, read_baseline

    runs = read_stored_runs([path for path in sources if path.is_dir()])
    outcomes = [one for path in sources if path.is_file() for one in read_baseline(path)]
    outcomes += [one for run in runs for one in list_outcomes(run)]
    _show(analyse_failures(outcomes), output, as_json)


def _show(
    analysis: Analysis, output: Path, as_json: bool, left_out: list[str] | None = None
) -> None:
    """Write the files; print the table or JSON, and what was left out."""
    from rich.table import Table

    from aiida_hpaint.cli.console import echo_json, print_table
    from aiida_hpaint.science.benchmark.analyses import write_analysis
    from aiida_hpaint.science.structures.safe_text import escape_control_characters

    lines = list(map(escape_control_characters, [*(left_out or ()), *analysis.left_out]))
    files = write_analysis(analysis, output)
    for line in lines:
        say(f"Left out: {line}")
    if as_json:
        listed = {"left_out": lines, "files": list(map(str, files))}
        echo_json({**analysis.as_json(), **listed})
        return
    table = Table(*analysis.head, title=analysis.title)
    for row in analysis.table:
        table.add_row(*map(escape_control_characters, row))
    print_table(table)
    click.echo(f"Files: {', '.join(map(str, files))}")
