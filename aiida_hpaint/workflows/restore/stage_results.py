"""What processes of a restoration have returned, by as few queries as possible."""

from __future__ import annotations

from typing import Any

from aiida.orm import ProcessNode

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.status import SampleStatus

__all__ = ["count_status", "read_outputs"]


def read_outputs(process: ProcessNode) -> dict[str, Any]:
    """Return all that a process has returned or called, by link labels.

    That is one query; each use of `process.outputs` takes one.
    """
    return {link.link_label: link.node for link in process.base.links.get_outgoing().all()}


def count_status(node: StructureBatchData, *statuses: SampleStatus) -> int:
    """Return the number of samples with one of the statuses."""
    found = node.base.attributes.get("statuses", {})
    return sum(found.get(str(status), 0) for status in statuses)
