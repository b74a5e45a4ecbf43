"""aiida-hpaint validate: restored structures relaxed by density-functional theory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import (
    complete_dft_protocols,
    complete_files_or_processes,
    complete_processes,
)
from aiida_hpaint.cli.errors import CommandError, tell_how_to_go_on

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_hpaint.workflows.validate.build import Samples

_HELP = """Relax restored structures with Quantum ESPRESSO, cell fixed, and compare.

The source is the PK of a restoration or a benchmark, or files with complete structures (CIF,
extxyz, ...). The lowest candidate of each host is relaxed, or more with --candidates. Structures of
--references are relaxed, too, and compared: energy difference, match, and whether the candidate
is at least as low (LES). Structures that DFT cannot relax are reported with the reason.

A reference is compared with the host of the same label or, if no label fits, in order.

The folder gets validation.csv and, for each host, the lowest structure by DFT as CIF.

Protocols: fast (first tests), balanced (default), paper (the settings of the paper).
Run `aiida-hpaint setup dft` once before, for the code of pw.x and pseudopotentials.

\b
Examples:
  aiida-hpaint validate 1234
  aiida-hpaint validate 1234 --candidates 5 --set margin=0.05
  aiida-hpaint validate restored/*.cif --references known/*.cif \\
      --protocol paper
  aiida-hpaint validate found.cif --set dft.kpoints_distance=0.2 \\
      --set dft.cutoff_wfc=60
  aiida-hpaint validate 1234 --code pw@cluster --processes 16 \\
      --walltime 7200 --submit
  aiida-hpaint validate --show 1300
"""


@click.command(cls=Command, help=_HELP)
@click.argument(
    "sources", nargs=-1, metavar="PK|FILES...", shell_complete=complete_files_or_processes
)
@click.option(
    "--references",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with complete structures to compare with; may be repeated.",
)
@click.option(
    "--protocol",
    metavar="NAME",
    shell_complete=complete_dft_protocols,
    help="Protocol of the DFT settings.",
)
@click.option(
    "--candidates",
    type=click.IntRange(min=1),
    metavar="N",
    help="Relax the N lowest candidates of each host within the margin. --set candidates=null "
    "relaxes all.  [default: 1]",
)
@options.add_set_option("dft.kpoints_distance=0.2 or margin=0.05")
@options.add_espresso_option("--code", "pw")
@options.add_job_options
@options.add_output_option("table and structures", None)
@click.option("--submit", is_flag=True, help="Submit and return without waiting.")
@click.option(
    "--show",
    metavar="PK",
    shell_complete=complete_processes,
    help="Write the results of an earlier validation.",
)
@click.pass_obj
def validate(obj: dict[str, Any], /, sources: tuple[str, ...], **flags: Any) -> None:
    """Relax restored structures with Quantum ESPRESSO, and compare."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    if (flags["show"] is None) != bool(sources):
        raise click.UsageError("give a PK or FILES to validate, or --show PK")
    if flags["show"] is not None:
        session.load_profile(obj["profile"])
        _report(flags["show"], flags["output"])
        return
    node = _submit(obj["profile"], sources, flags)
    click.echo(f"Submitted as node {node.pk}.")
    if flags["submit"]:
        click.echo(f"  aiida-hpaint validate --show {node.pk}")
        return
    watch_validation(node)
    _report(str(node.pk), flags["output"])


def _submit(profile: str | None, sources: tuple[str, ...], flags: dict[str, Any]) -> ProcessNode:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.settings import collect_overrides
    from aiida_hpaint.science.protocols.dft import load_validation_settings

    chosen = {key: flags[key] for key in ("candidates", "set_")}
    settings = load_validation_settings(flags["protocol"], collect_overrides(chosen))
    session.load_profile(profile)
    from aiida_hpaint.workflows.validate.build import build_validate

    samples, references = _read(sources, flags["references"])
    graph = build_validate(
        samples,
        references,
        settings,
        code=flags["code"],
        options=options.make_job_options(flags["processes"], flags["walltime"]),
        name=f"validate {sources[0]}"[:255],
    )
    return session.submit_to_daemon(graph)


def _read(sources: tuple[str, ...], references: tuple[Path, ...]) -> tuple[Samples, Samples | None]:
    """Read candidates and references from nodes or files."""
    from aiida_hpaint.science.structures import read_hosts
    from aiida_hpaint.workflows.validate.results import load_validation_node, read_restored_samples

    given = read_hosts(list(references)) if references else None
    if len(sources) > 1 or Path(sources[0]).exists():
        return read_hosts(list(sources)), given
    if not sources[0].isdigit() and Path(sources[0]).suffix:
        raise CommandError(f"there is no file {sources[0]}")
    samples, known = read_restored_samples(load_validation_node(sources[0]))
    return samples, given or known


def watch_validation(node: ProcessNode, interval: float = 1.0) -> None:
    """Show how many structures are relaxed, until the validation ends.

    Raises
    ------
    ClickException
        If the user stops watching.
    """
    from aiida_hpaint.cli.console import open_progress
    from aiida_hpaint.cli.restore.run import show_dft_progress

    click.echo("It runs in the AiiDA daemon. Ctrl-C only stops watching.")
    how = (
        f"node {node.pk} is still running: show its results later with"
        f" `aiida-hpaint validate --show {node.pk}`"
    )
    with tell_how_to_go_on(how), open_progress() as show:
        while not node.is_terminated:
            show_dft_progress(node, show)
            time.sleep(interval)
        show_dft_progress(node, show)


def _report(identifier: str, output: Path | None) -> None:
    """Show and write a validation; exit with status 1 if a structure has no energy."""
    from aiida_hpaint.cli.restore.validation_report import report_validation, write_validation
    from aiida_hpaint.workflows.validate.results import load_validation_node, read_validation

    node = load_validation_node(identifier)
    folder = output or Path(f"validated-{node.pk}")
    found = read_validation(node)
    write_validation(found, folder)
    if not report_validation(found, folder):
        raise click.exceptions.Exit(1)
