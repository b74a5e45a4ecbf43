"""Outcomes of the hosts of restorations, recorded as extras of the processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida.orm import ProcessNode

from aiida_hpaint.calculations.outcomes import FAILED, RESTORED, WITHOUT, Outcomes, find_outcomes
from aiida_hpaint.data.structure_batch import StructureBatchData

__all__ = [
    "CHUNK_OF",
    "FAILED",
    "OUTCOMES",
    "RESTORED",
    "WITHOUT",
    "Outcomes",
    "find_outcomes",
    "get_hosts",
    "record_outcomes",
    "summarise_outcomes",
]

OUTCOMES = "hpaint_outcomes"
"""Extra of a restoration that has terminated: the outcomes of its hosts."""


CHUNK_OF = "hpaint_chunk_of"
"""Extra of a restoration: UUID of the campaign that it is a chunk of."""


def record_outcomes(restoration: ProcessNode) -> Outcomes:
    """Return the outcomes of a restoration that has terminated, and save them as an extra."""
    saved: dict[str, Any] | None = restoration.base.extras.get(OUTCOMES, None)
    if saved is None:
        samples = restoration.base.links.get_outgoing(link_label_filter="samples").all_nodes()
        batch = samples[0].batch if samples else None
        found = find_outcomes(len(get_hosts(restoration)), batch, _describe_end(restoration))
        saved = {"states": found.states, "reasons": {str(k): v for k, v in found.reasons.items()}}
        restoration.base.extras.set(OUTCOMES, saved)
    return Outcomes(saved["states"], {int(host): why for host, why in saved["reasons"].items()})


def summarise_outcomes(restorations: Sequence[ProcessNode]) -> dict[str, Any]:
    """Count the hosts of terminated restorations by outcome, and list those without candidate."""
    states, without = "", []
    failed: dict[str, list[str]] = {}
    for restoration in restorations:
        outcomes = record_outcomes(restoration)
        states += outcomes.states
        if outcomes.states == RESTORED * len(outcomes.states):
            continue
        labels = get_hosts(restoration).batch.labels
        without += [labels[i] for i, state in enumerate(outcomes.states) if state == WITHOUT]
        for host, reason in outcomes.reasons.items():
            failed.setdefault(reason, []).append(labels[host])
    return {
        "n_hosts": len(states),
        "n_restored": states.count(RESTORED),
        "n_without_candidate": states.count(WITHOUT),
        "n_failed": states.count(FAILED),
        "without_candidate": without,
        "failed": failed,
    }


def get_hosts(restoration: ProcessNode) -> StructureBatchData:
    """Return the hosts of a restoration."""
    links = restoration.base.links
    node: Any = links.get_incoming(link_label_filter="graph_inputs__hosts").one().node
    found: StructureBatchData = node
    return found


def _describe_end(process: ProcessNode) -> str:
    if process.is_excepted:
        lines = (process.exception or "it excepted").strip().splitlines()
        return f"its process failed: {lines[-1]}"
    if process.is_killed:
        return "its process was killed"
    return f"its process ended without samples: {process.exit_message or process.exit_status}"
