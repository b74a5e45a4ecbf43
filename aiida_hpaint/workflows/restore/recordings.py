"""Recordings of restorations: trajectories of sampling with the samples they end in."""

from __future__ import annotations

from collections.abc import Iterator

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.common.links import LinkType
from aiida.orm import Node, ProcessNode, load_node

from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.trajectory import Recording, join_recordings

_CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)

__all__ = ["find_recordings"]


def find_recordings(identifier: str | int) -> list[Recording]:
    """Return the recordings of a restoration, stage, job or trajectory node.

    Raises
    ------
    ValueError
        If there is no such node, or it has no recording.
    """
    try:
        node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise ValueError(f"there is no node {identifier}: see `aiida-hpaint status`") from None
    found = [
        join_recordings([Recording(_samples(data), data.trajectory)])
        for data in _trajectories(node)
    ]
    if not found:
        raise ValueError(f"node {node.pk} has no trajectory: restore with --record to have one")
    return found


def _trajectories(node: Node) -> Iterator[DiffusionTrajectoryData]:
    if isinstance(node, DiffusionTrajectoryData):
        yield node
    if not isinstance(node, ProcessNode):
        return
    if "trajectory" in node.outputs:
        yield node.outputs.trajectory
        return
    # A restoration that still runs, or was killed, has the recordings of its stages.
    for link in node.base.links.get_outgoing(link_type=_CALLS).all():
        yield from _trajectories(link.node)


def _samples(data: DiffusionTrajectoryData) -> StructureBatch:
    """Return the samples that the job of a trajectory returned."""
    creator = data.creator
    if creator is None or "structures" not in creator.outputs:
        raise ValueError(f"trajectory {data.pk} has no job that returned its samples")
    found: StructureBatch = creator.outputs.structures.batch
    # Symmetric proposals, which follow the generated samples, have no trajectory.
    return found[: len(data.trajectory)]
