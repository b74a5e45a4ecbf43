"""The folder of each process that is exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

BENCHMARK, RESTORATION, VALIDATION, STRUCTURE = (
    "benchmark",
    "restoration",
    "validation",
    "structure",
)


def write_process(node: ProcessNode, kind: str, folder: Path) -> None:
    """Write the files that the command of each kind writes."""
    if kind == BENCHMARK:
        from aiida_hpaint.science.benchmark import write_report
        from aiida_hpaint.workflows.benchmark.results import load_benchmark, write_benchmark

        write_benchmark(load_benchmark(node.uuid), folder)
        write_report(folder)
    elif kind == STRUCTURE:
        _write_structure(node, folder)
    elif kind == RESTORATION:
        _write_restoration(node, folder)
    if kind in (RESTORATION, VALIDATION):
        _write_validation(node, folder)


def _write_restoration(node: ProcessNode, folder: Path) -> None:
    from aiida_hpaint.cli.tables import group_by_host, write_host_files
    from aiida_hpaint.workflows.restore.progress import get_samples

    samples = get_samples(node)
    assert samples is not None
    write_host_files(group_by_host(samples), samples, folder)


def _write_structure(node: ProcessNode, folder: Path) -> None:
    from aiida_hpaint.data.structure_batch import batch_of
    from aiida_hpaint.science.structures import make_safe_name, write_cif

    batch = batch_of(node.outputs.structure)
    folder.mkdir(parents=True, exist_ok=True)
    label = node.inputs.structure.label or batch.labels[0]
    write_cif(batch, folder / f"{make_safe_name(label)}.cif")


def _write_validation(node: ProcessNode, folder: Path) -> None:
    """What DFT says, where it was asked and came to an answer."""
    from aiida_hpaint.cli.restore.validation_report import write_validation
    from aiida_hpaint.workflows.validate.results import read_validation

    try:
        found = read_validation(node)
    except ValueError:
        return
    write_validation(found, folder)
