"""aiida-hpaint restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_hpaint.science.structures import Recording, StructureBatch

RESTORE = """Restore hosts, wait, and show what was found.

FILES are CIF, POSCAR or extxyz files, or one restore.yaml (see `aiida-hpaint submit --help`). How
many H are missing is read from the chemical formula of a CIF, or given with --add.

Samples are drawn and filtered, their inserted sites relaxed (with --candidates: of the lowest after
a short relaxation of all), then all sites of the lowest, and ranked by energy. The work runs in the
AiiDA daemon: Ctrl-C stops the watching, not the work. In the CIFs that are written, labels of
inserted sites end in i.

With --validate dft Quantum ESPRESSO relaxes the lowest candidate of each host at the end, with
--rank dft all that finished (--set keep=5 for more of them); the lowest by DFT is written beside
the potential's, as *_dft.cif. `aiida-hpaint setup dft` has to have run once.

\b
Examples:
  aiida-hpaint restore brucite.cif
  aiida-hpaint restore brucite.cif --add H:2 --protocol fast
  aiida-hpaint restore hosts/*.cif --samples 20 --seed 1 --output found
  aiida-hpaint restore host.cif --samples 100 --candidates 10
  aiida-hpaint restore host.cif --set relax_all.fmax=0.01
  aiida-hpaint restore host.cif --generator xtalpaint/td-pos-only --scheme td --steps 50
  aiida-hpaint restore host.cif --record
  aiida-hpaint restore host.cif --validate dft --dft-protocol paper
  aiida-hpaint restore host.cif --rank dft-top:3 --set keep=5
  aiida-hpaint restore host.cif --no-aiida
"""


@click.command(help=RESTORE)
@options.add_host_options
@options.add_restoration_options
@options.add_output_option("CIFs and tables", "restored")
@options.add_no_aiida_option
@click.pass_obj
def restore(obj: dict[str, Any], /, files: tuple[str, ...], **flags: Any) -> None:
    """Restore hosts, wait, and show what was found."""
    from aiida_hpaint.cli.restore.run import prepare_task, run_here, run_with_aiida, submit_task

    task, node, recording = prepare_task(files, flags), None, None
    if flags["no_aiida"]:
        found = run_here(task)
        samples, recording = found.samples, found.recording
    else:
        node = submit_task(obj["profile"], task)
        samples = run_with_aiida(node)
    restored = report(samples, flags["output"], node)
    if task.settings.sampling is not None and task.settings.sampling.record:
        _tell_recording(recording, flags["output"], node)
    if not restored:
        raise click.exceptions.Exit(1)


def _tell_recording(recording: Recording | None, output: Path, node: ProcessNode | None) -> None:
    """Write a recording that was made here, and say what can be done with one."""
    source = str(node.pk) if node is not None else str(output / "trajectory.npz")
    if recording is not None:
        recording.save(output / "trajectory.npz")
    click.echo(f"\nHow samples were drawn: `aiida-hpaint trajectory plot {source} -o rmsd.png`")


def report(samples: StructureBatch, output: Path, node: ProcessNode | None) -> bool:
    """Write files, show the table and say where the provenance is; whether all is restored."""
    from aiida_hpaint.cli.console import make_console, show_provenance_commands
    from aiida_hpaint.cli.tables import (
        describe_unrestored,
        group_by_host,
        make_host_table,
        write_host_files,
    )

    results = group_by_host(samples)
    files = write_host_files(results, samples, output)
    make_console().print(make_host_table(results, files))
    failed = describe_unrestored(results)
    for line in failed:
        click.echo(f"Not restored: {line}", err=True)
    click.echo(f"CIFs, all candidates (extxyz) and all samples (CSV) are in {output}")
    if node is not None:
        _report_validation(node, output)
        show_provenance_commands(node)
    return not failed


def _report_validation(node: ProcessNode, output: Path) -> None:
    """What DFT says, where it was asked."""
    from aiida_hpaint.workflows.validate.results import has_validation, read_validation

    if has_validation(node):
        from aiida_hpaint.cli.restore.validation_report import report_validation

        report_validation(read_validation(node), output)
