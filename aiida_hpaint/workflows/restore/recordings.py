"""Recordings of restorations: trajectories with the samples that they led to."""

from __future__ import annotations

from collections.abc import Iterator

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.common.links import LinkType
from aiida.orm import Node, ProcessNode, load_node

from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.trajectory import Recording

_CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)

__all__ = ["find_recordings"]


def find_recordings(identifier: str | int) -> list[Recording]:
    """Return what a restoration, a stage or a job recorded, or the recording of a trajectory.

    Raises
    ------
    ValueError
        If there is no such node, or nothing recorded in it.
    """
    try:
        node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise ValueError(f"there is no node {identifier}: see `aiida-hpaint status`") from None
    found = [Recording(_samples(data), data.trajectory) for data in _trajectories(node)]
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
    # A restoration that still runs, or that was killed, has what its stages have.
    for link in node.base.links.get_outgoing(link_type=_CALLS).all():
        yield from _trajectories(link.node)


def _samples(data: DiffusionTrajectoryData) -> StructureBatch:
    """Return the samples that the creator of a trajectory returned beside it."""
    creator = data.creator
    if creator is None or "structures" not in creator.outputs:
        raise ValueError(f"trajectory {data.pk} has no job that returned its samples")
    found: StructureBatch = creator.outputs.structures.batch
    # Nothing was recorded of proposals, which come after all that was drawn.
    return found[: len(data.trajectory)]
