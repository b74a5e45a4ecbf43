"""StructureData of hosts on request: restorations of campaigns make none."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from aiida.orm import (
    CalcFunctionNode,
    List,
    Node,
    ProcessNode,
    QueryBuilder,
    StructureData,
)

from aiida_hpaint.calculations.ranking import pick_structures
from aiida_hpaint.data.structure_batch import StructureBatchData

__all__ = ["pick_candidates"]


def pick_candidates(restoration: ProcessNode, labels: Collection[str] = ()) -> list[StructureData]:
    """The lowest candidates of hosts as StructureData, with provenance.

    One calculation makes all that are not there yet.

    Parameters
    ----------
    restoration
        That has ended with samples; of any other there is nothing to pick.
    labels
        Of hosts; without any, all. Those that it does not have are left out.
    """
    outputs = restoration.base.links.get_outgoing(link_label_filter="samples").all_nodes()
    if not outputs:
        return []
    samples: Any = outputs[0]
    batch = samples.batch
    rows = np.flatnonzero(batch.scalars["rank"] == 0).tolist()
    wanted = [
        int(batch.scalars["host"][row]) for row in rows if not labels or batch.labels[row] in labels
    ]
    found = _picked(samples)
    missing = sorted(host_index for host_index in wanted if _name(host_index) not in found)
    if missing:
        found |= pick_structures(samples, List(missing))
    return [found[_name(host_index)] for host_index in wanted]


def _picked(samples: StructureBatchData) -> dict[str, StructureData]:
    """Structures of the samples that there are, by the names of the links to them."""
    query = QueryBuilder()
    query.append(Node, filters={"id": samples.pk}, tag="samples")
    filters = {"attributes.function_name": "pick_structures"}
    query.append(CalcFunctionNode, with_incoming="samples", filters=filters, tag="pick_candidates")
    query.append(StructureData, with_incoming="pick_candidates", project="*", edge_project="label")
    return {label: node for node, label in query.all()}


def _name(host_index: int) -> str:
    return f"host_{host_index:05d}"
