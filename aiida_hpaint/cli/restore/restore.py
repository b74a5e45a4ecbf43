"""aiida-hpaint restore."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import RestorationCommand
from aiida_hpaint.cli.completion import complete_files
from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.verbosity import is_verbose, say

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_hpaint.cli.restore.run import Task
    from aiida_hpaint.science.report.host_results import HostResult
    from aiida_hpaint.science.structures import StructureBatch
    from aiida_hpaint.workflows.validate.results import Validation

_HELP = """Restore the missing sites of crystals, wait, and show the results.

FILES are the hosts, crystals that lack sites: CIF, SHELX, POSCAR or extxyz files, or one
restore.yaml (see `aiida-hpaint submit --help`). How many H are missing, and on which atoms, is
read from formula, labels and bonds (`aiida-hpaint inspect` shows how), or given with --add or
--budget.

The generator samples positions, implausible samples are dropped, and the rest are compared after a
short relaxation. The machine-learned potential relaxes first the inserted sites of the lowest
(--candidates), then all sites; where independent samples do not agree, a search makes more (not
with the protocol fast). The candidates are ranked by energy. Each is checked: what H is bonded to,
and whether the host is still what it was. Candidates that fail rank after all others; a host where
none passes is not restored, and the exit status is 1. The work runs in the AiiDA daemon: Ctrl-C
stops watching, not the work.

Each host gets two CIFs: NAME.cif is the CIF of the host with the inserted sites
(_atom_site_calc_flag c), and NAME_relaxed.cif has all sites relaxed. --format writes other formats:
SHELX, POSCAR, extxyz, JSON.

With --validate dft, Quantum ESPRESSO relaxes the lowest candidate of each host at the end; with
--rank dft, all candidates (--set keep=5 makes more of them). The lowest structure by DFT is written
as *_dft.cif, beside that of the potential. Run `aiida-hpaint setup dft` once before.

\b
Examples:
  aiida-hpaint restore brucite.cif --no-aiida
  aiida-hpaint restore brucite.cif
  aiida-hpaint restore brucite.cif --add H:2 --protocol fast
  aiida-hpaint restore hosts/*.cif --samples 20 --seed 1 --output restored
  aiida-hpaint restore host.cif --samples 100 --candidates 10
  aiida-hpaint restore host.cif --set relax_all.fmax=0.005
  aiida-hpaint restore host.cif --code python@cluster
  aiida-hpaint restore host.cif --generator xtalpaint/td-pos-only --steps 50
  aiida-hpaint restore host.cif --potential mace \\
      --set potential.model=mine.model --set potential.trust=true
  aiida-hpaint restore host.cif --record
  aiida-hpaint restore host.cif --format cif,res,poscar
  aiida-hpaint restore host.cif --validate dft --dft-protocol paper
  aiida-hpaint restore host.cif --rank dft-top:3 --set keep=5
"""

_SHOWN = 10
"""Most hosts whose files are listed; more are only counted."""


@click.command(cls=RestorationCommand, help=_HELP)
@click.argument("files", nargs=-1, required=True, metavar="FILES...", shell_complete=complete_files)
@options.add_host_options
@options.add_restoration_options
@options.add_output_option("CIFs and tables", "restored")
@options.add_format_option
@options.add_report_option
@options.add_json_option
@options.add_no_aiida_option
@click.pass_obj
def restore(obj: dict[str, Any], /, files: tuple[str, ...], **flags: Any) -> None:
    """Restore hosts, wait, and show the results."""
    from aiida_hpaint.cli.restore.run import prepare_task
    from aiida_hpaint.science.outputs import lock_folder

    task = prepare_task(files, flags)
    source = click.get_current_context().get_parameter_source("output")
    output = flags["output"]
    if source is ParameterSource.DEFAULT:
        output = find_folder(task.hosts.labels, output)
    refuse_to_replace(task.request.hosts, task.hosts.labels, output)
    refuse_to_mix(task.hosts.labels, output)
    with lock_folder(output):
        _restore(obj["profile"], task, {**flags, "output": output})


def _restore(profile: str | None, task: Task, flags: dict[str, Any]) -> None:
    from aiida_hpaint.cli.restore.run import run_here, submit_task, wait_for_samples
    from aiida_hpaint.cli.tables import TRAJECTORY_FILENAME

    node, recording, is_complete = None, None, True
    if flags["no_aiida"]:
        restoration = run_here(task)
        samples, recording = restoration.samples, restoration.recording
        is_complete = len(restoration.hosts) == len(task.hosts)
    else:
        node = submit_task(profile, task)
        samples = wait_for_samples(node)
    more: dict[str, Any] = {"hosts": task.hosts, "formats": flags["formats"]}
    more["report"] = flags["report"]
    more["as_json"] = flags["as_json"]
    with rescue_samples(samples if node is None else None):
        all_restored = report_restoration(samples, flags["output"], node, **more)
    if task.settings.sampling is not None and task.settings.sampling.record:
        path = flags["output"] / TRAJECTORY_FILENAME
        source = str(node.pk) if node is not None else str(path)
        if recording is not None:
            recording.save(path)
        say(f"\nPlot the sampling: `aiida-hpaint trajectory plot {source} -o rmsd.png`")
    if not (all_restored and is_complete):
        raise click.exceptions.Exit(1)


def refuse_to_replace(sources: Sequence[str], labels: Sequence[str], output: Path) -> None:
    """Refuse an output folder in which results would replace the files of the hosts.

    Raises
    ------
    CommandError
        If a file of results would have the path of a source.
    """
    from aiida_hpaint.science.structures import make_safe_names
    from aiida_hpaint.science.structures.writing import list_names

    own = {str(Path(source).resolve()) for source in sources}
    for name in make_safe_names(labels):
        for each in list_names(name):
            if str((output / each).resolve()) in own:
                raise CommandError(
                    f"{output / each} is a host, which the result would replace: "
                    "choose another folder with --output"
                )


def find_folder(labels: Sequence[str], default: Path) -> Path:
    """Return the folder that is used by default: restored or, with results of others, restored-2.

    So that several restorations in a row need no names.
    """
    from aiida_hpaint.science.evaluation.sample_table import find_other_hosts

    names = (default.with_name(f"{default.name}-{number}") for number in count(2))
    return next(one for one in chain([default], names) if not find_other_hosts(one, labels))


def refuse_to_mix(labels: Sequence[str], output: Path) -> None:
    """Refuse an output folder with results of other hosts, which would stay beside those of these.

    Raises
    ------
    CommandError
        If an earlier run wrote results of other hosts into the folder.
    """
    from aiida_hpaint.science.evaluation.sample_table import find_other_hosts
    from aiida_hpaint.science.structures import escape_control_characters

    if others := find_other_hosts(output, labels):
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise CommandError(
            f"{output} has results of {escape_control_characters(', '.join(others[:_SHOWN]))}{more}"
            ", which would stay there: choose another folder with --output, or remove it"
        )


@contextmanager
def rescue_samples(samples: StructureBatch | None) -> Iterator[None]:
    """Save samples that exist nowhere else where their results cannot be written.

    Raises
    ------
    ClickException
        That names their file, for a full disk or a folder that is gone.
    """
    from aiida_hpaint.science.structures import save_npz

    try:
        yield
    except OSError as error:
        if samples is None:
            raise
        path = Path(tempfile.mkdtemp(prefix="hpaint-")) / "samples.npz"
        save_npz(samples, path)
        raise click.ClickException(f"{error}\nAll samples were saved as {path}") from error


def report_restoration(
    samples: StructureBatch,
    output: Path,
    node: ProcessNode | None,
    *,
    hosts: StructureBatch | None,
    formats: Sequence[str] = ("cif",),
    report: str = "shared",
    as_json: bool = False,
) -> bool:
    """Write files, show the results as text or JSON, and return if all hosts are restored."""
    from aiida_hpaint.cli.console import show_provenance_commands
    from aiida_hpaint.cli.restore.restoration_json import echo_restoration
    from aiida_hpaint.cli.restore.run import find_process
    from aiida_hpaint.cli.restore.validation_report import report_validation, write_validation
    from aiida_hpaint.cli.tables import describe_unrestored, write_host_files
    from aiida_hpaint.science.report import add_validation, group_rows_by_host, write_reports

    results = group_rows_by_host(samples, hosts, find_process(node))
    files = write_host_files(results, samples, output, formats)
    unrestored = describe_unrestored(results)
    validation = None if node is None else _find_validation(node)
    if validation is not None:
        write_validation(validation, output, hosts)
        results = add_validation(results, validation.rows)
    page = None
    if report != "none":
        page = write_reports(results, output, alone=report == "alone")
    if as_json:
        echo_restoration(results, output, node, page, validation)
        return not unrestored
    show_results(results, list(files.values()), output)
    if page is not None:
        click.echo(f"Report, to open in a browser: {page}")
    if validation is not None:
        report_validation(validation, output)
    if node is not None:
        show_provenance_commands(node)
    return not unrestored


def show_results(results: list[HostResult], files: Sequence[Path], output: Path) -> None:
    """Print the table of hosts, what to know about their results, and where the files are."""
    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.cli.tables import (
        describe_beginnings,
        describe_cells,
        describe_confidences,
        describe_notices,
        describe_samples,
        describe_unrestored,
        make_host_table,
    )

    print_table(make_host_table(results))
    if is_verbose():
        for line in describe_samples(results):
            click.echo(f"Samples: {line}")
    for line in describe_confidences(results, with_sure=is_verbose()):
        click.echo(f"Confidence: {line}")
    for line in describe_beginnings(results):
        click.echo(f"Note: {line}")
    for line in describe_cells(results):
        click.echo(f"Cell {line}")
    for line in describe_notices(results):
        click.echo(f"Notice: {line}")
    for line in describe_unrestored(results):
        click.echo(f"Not restored: {line}", err=True)
    for path in files[:_SHOWN]:
        click.echo(f"  {path}")
    if len(files) > _SHOWN:
        click.echo(f"  and the files of {len(files) - _SHOWN} more hosts")
    if not files:
        click.echo(f"{output} has samples.csv: what became of each sample")
        return
    held = {result.is_held for result in results if result.best is not None}
    relaxed = "inserted sites relaxed" if held == {True} else "all sites relaxed"
    if len(held) > 1:
        relaxed += ", in hosts that are held the inserted ones"
    versions = f"*_relaxed{files[0].suffix} ({relaxed})"
    click.echo(f"{output} has more: {versions}, candidates.extxyz, samples.csv")


def _find_validation(node: ProcessNode) -> Validation | None:
    """Return the validation by DFT, if there is one."""
    from aiida_hpaint.workflows.validate.results import has_validation, read_validation

    return read_validation(node) if has_validation(node) else None
