"""What became of each host of a restoration, recorded once as an extra of its process."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida.orm import ProcessNode

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import SampleStatus

__all__ = [
    "CHUNK_OF",
    "FAILED",
    "OUTCOMES",
    "RESTORED",
    "WITHOUT",
    "Outcomes",
    "find_outcomes",
    "record_outcomes",
    "summarise_outcomes",
]

OUTCOMES = "hpaint_outcomes"
"""Extra of a restoration that has terminated: the outcomes of its hosts."""


CHUNK_OF = "hpaint_chunk_of"
"""Extra of a restoration: UUID of the campaign that it is a chunk of."""


RESTORED, WITHOUT, FAILED = "r", "w", "f"
"""A host has a candidate; honestly has none; or its jobs came to nothing."""


_JOB = re.compile(r"^job \d+: ")


_UNFINISHED = "unfinished within the walltime of its jobs"


@dataclass(frozen=True)
class Outcomes:
    """What became of the hosts of a restoration.

    Attributes
    ----------
    states
        One letter a host: RESTORED, WITHOUT or FAILED.
    reasons
        Why those failed that failed, by their place among the hosts.
    """

    states: str
    reasons: Mapping[int, str]


def record_outcomes(restoration: ProcessNode) -> Outcomes:
    """Return what became of each host of a restoration that has ended; it is noted there."""
    noted: dict[str, Any] | None = restoration.base.extras.get(OUTCOMES, None)
    if noted is None:
        samples = restoration.base.links.get_outgoing(link_label_filter="samples").all_nodes()
        batch = samples[0].batch if samples else None
        found = find_outcomes(len(_hosts(restoration)), batch, _ending(restoration))
        noted = {"states": found.states, "reasons": {str(k): v for k, v in found.reasons.items()}}
        restoration.base.extras.set(OUTCOMES, noted)
    return Outcomes(noted["states"], {int(place): why for place, why in noted["reasons"].items()})


def find_outcomes(n_hosts: int, samples: StructureBatch | None, ending: str = "") -> Outcomes:
    """Return what became of hosts, by their ranked samples.

    A host whose job died has failed, even where an earlier stage left candidates: to repeat it is
    worth while. One whose samples all came to nothing honestly has none.

    Parameters
    ----------
    n_hosts
        How many there were.
    samples
        Ranked; None where the restoration returned none.
    ending
        Why it returned none.
    """
    if samples is None:
        return Outcomes(FAILED * n_hosts, dict.fromkeys(range(n_hosts), ending))
    places = samples.scalars["host"]
    states = np.full(n_hosts, WITHOUT)
    unfinished = np.unique(
        places[samples.scalars["status"] == str(SampleStatus.UNFINISHED)]
    ).tolist()
    reasons = dict.fromkeys(unfinished, _UNFINISHED)
    restored = np.unique(places[samples.scalars["rank"] == 0])
    states[restored] = RESTORED
    for place in restored.tolist():
        reasons.pop(place, None)
    reasons |= _lost(samples)
    reasons |= dict.fromkeys(set(range(n_hosts)) - set(places.tolist()), "it has no samples")
    states[list(reasons)] = FAILED
    return Outcomes("".join(states.tolist()), reasons)


def summarise_outcomes(restorations: Sequence[ProcessNode]) -> dict[str, Any]:
    """Count hosts of restorations that have ended, and list those without a candidate."""
    states, without = "", []
    failed: dict[str, list[str]] = {}
    for restoration in restorations:
        outcomes = record_outcomes(restoration)
        states += outcomes.states
        if outcomes.states == RESTORED * len(outcomes.states):
            continue
        labels = _hosts(restoration).batch.labels
        without += [labels[i] for i, state in enumerate(outcomes.states) if state == WITHOUT]
        for place, reason in outcomes.reasons.items():
            failed.setdefault(reason, []).append(labels[place])
    return {
        "n_hosts": len(states),
        "n_restored": states.count(RESTORED),
        "n_without_candidate": states.count(WITHOUT),
        "n_failed": states.count(FAILED),
        "without_candidate": without,
        "failed": failed,
    }


def _hosts(restoration: ProcessNode) -> StructureBatchData:
    links = restoration.base.links
    node: Any = links.get_incoming(link_label_filter="graph_inputs__hosts").one().node
    found: StructureBatchData = node
    return found


def _lost(samples: StructureBatch) -> dict[int, str]:
    """Hosts that were given up with their chunk, and why."""
    lost = {
        record["reason"] for record in samples.history if record.get("stage") == "mark_as_failed"
    }
    if not lost:
        return {}
    places = samples.scalars["host"].tolist()
    errors = (
        (place, entry.get("error")) for place, entry in zip(places, samples.metadata, strict=True)
    )
    return {place: _JOB.sub("", str(error)) for place, error in errors if error in lost}


def _ending(process: ProcessNode) -> str:
    if process.is_excepted:
        lines = (process.exception or "it excepted").strip().splitlines()
        return f"its process failed: {lines[-1]}"
    if process.is_killed:
        return "its process was killed"
    return f"its process ended without samples: {process.exit_message or process.exit_status}"
