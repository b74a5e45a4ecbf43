"""verdi data hpaint: show, plot and export the data of aiida-hpaint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.data.trajectory import DiffusionTrajectoryData

__all__ = ["hpaint"]

_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    required=True,
    help="File to write.",
)


@click.group("hpaint")
def hpaint() -> None:
    """Show, plot and export batches of structures and recordings of sampling."""


@hpaint.command()
@click.argument("node")
@click.option("--limit", type=click.IntRange(min=1), default=50, help="Largest number of rows.")
def show(node: str, limit: int) -> None:
    """Show the contents of NODE: each structure of a batch, or the size of a recording."""
    from aiida_hpaint.data.structure_batch import StructureBatchData

    found = _load(node)
    for name, value in sorted(found.base.attributes.all.items()):
        if not isinstance(value, list | dict) or len(str(value)) < 100:
            click.echo(f"{name}: {value}")
    if isinstance(found, StructureBatchData):
        for line in _list_structures(found, limit):
            click.echo(line)


@hpaint.command()
@click.argument("node")
@_OUTPUT
def plot(node: str, output: Path) -> None:
    """Plot NODE: energies of the samples of a batch, or the steps of a recording."""
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.science.evaluation.trajectories import compute_deviations
    from aiida_hpaint.science.evaluation.trajectory_plot import check_format, plot_deviations
    from aiida_hpaint.workflows.restore.recordings import find_recordings

    found = _load(node)
    try:
        check_format(output)
        if isinstance(found, StructureBatchData):
            _plot_energies(found, output)
            return
        (recording,) = find_recordings(found.uuid)
        names = [f"sample {index}" for index in recording.trajectory.samples]
        plot_deviations(compute_deviations(recording), names, output)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@hpaint.command()
@click.argument("node")
@_OUTPUT
def export(node: str, output: Path) -> None:
    """Write NODE as extended XYZ or npz: the structures of a batch, or the frames of a recording.

    A structure with a site that has no position yet can only be written as npz.
    """
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.science.structures import concatenate, save_npz, write_extxyz
    from aiida_hpaint.workflows.restore.recordings import find_recordings

    found = _load(node)
    try:
        if isinstance(found, StructureBatchData):
            batch = found.batch
        else:
            (recording,) = find_recordings(found.uuid)
            batch = concatenate([recording.frames(row) for row in range(len(recording))])
        if output.suffix == ".npz":
            save_npz(batch, output)
        else:
            write_extxyz(batch, output)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{output}: {len(batch)} structures")


def _load(node: str) -> StructureBatchData | DiffusionTrajectoryData:
    from aiida import load_profile
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.manage import get_manager
    from aiida.orm import load_node

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.data.trajectory import DiffusionTrajectoryData

    if get_manager().get_profile() is None:
        load_profile()
    try:
        found: Any = load_node(node)
    except (NotExistent, MultipleObjectsError, ValueError) as error:
        raise click.ClickException(f"node {node!r}: {error}") from None
    if isinstance(found, StructureBatchData | DiffusionTrajectoryData):
        return found
    raise click.ClickException(
        f"node {node} is a {type(found).__name__}: give a StructureBatchData or a "
        "DiffusionTrajectoryData"
    )


def _list_structures(node: StructureBatchData, limit: int) -> list[str]:
    from aiida_hpaint.science.structures import to_pymatgen

    batch = node.batch
    names = [name for name in ("status", "rank", "energy") if name in batch.scalars]
    lines = ["row  label  formula  " + "  ".join(names)]
    for row, one in enumerate(batch[: min(limit, len(batch))]):
        formula = to_pymatgen(one)[0].composition.formula if one.placed[0] else "positions missing"
        values = "  ".join(str(one.scalars[name][0]) for name in names)
        lines.append(f"{row}  {one.labels[0]}  {formula}  {values}")
    left = len(batch) - limit
    return [*lines, *([f"and {left} more: --limit {len(batch)}"] if left > 0 else [])]


def _plot_energies(node: StructureBatchData, output: Path) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    energies = node.batch.scalars.get("energy", np.zeros(0))
    energies = energies / np.maximum(node.batch.site_counts[: len(energies)], 1)
    if not np.isfinite(energies).any():
        raise ValueError(f"node {node.pk} has no energies: plot the samples of a restoration")
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.add_subplot(xlabel="host", ylabel="energy above the lowest, meV per atom")
    hosts = node.batch.host_indices
    for host in np.unique(hosts):
        mine = np.sort(energies[hosts == host])
        mine = mine[np.isfinite(mine)]
        axes.plot(np.full(len(mine), host), 1000 * (mine - mine.min(initial=np.inf)), "_")
    figure.savefig(output)
