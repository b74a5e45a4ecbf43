"""Outcomes of the hosts of restorations, recorded as extras of the processes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida.orm import ProcessNode

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.evaluation import find_answers
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
    "get_hosts",
    "record_outcomes",
    "summarise_outcomes",
]

OUTCOMES = "hpaint_outcomes"
"""Extra of a restoration that has terminated: the outcomes of its hosts."""


CHUNK_OF = "hpaint_chunk_of"
"""Extra of a restoration: UUID of the campaign that it is a chunk of."""


RESTORED, WITHOUT, FAILED = "r", "w", "f"
"""States of a host: it has a candidate that passes the checks, it has none although its jobs
succeeded, or they failed."""


_JOB = re.compile(r"^job \d+: ")


_UNFINISHED = "unfinished within the walltime of its jobs"


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of the hosts of a restoration.

    Attributes
    ----------
    states
        One letter per host: RESTORED, WITHOUT or FAILED.
    reasons
        Reasons of failed hosts, by the host index.
    """

    states: str
    reasons: Mapping[int, str]


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


def find_outcomes(n_hosts: int, samples: StructureBatch | None, ending: str = "") -> Outcomes:
    """Derive the outcomes of hosts from their ranked samples.

    A host whose job failed counts as failed even if an earlier stage left candidates, so that it
    is repeated.

    Parameters
    ----------
    n_hosts
        Number of hosts.
    samples
        Ranked samples; None if the restoration returned none.
    ending
        Reason why it returned none.
    """
    if samples is None:
        return Outcomes(FAILED * n_hosts, dict.fromkeys(range(n_hosts), ending))
    hosts = samples.scalars["host"]
    states = np.full(n_hosts, WITHOUT)
    unfinished = np.unique(
        hosts[samples.scalars["status"] == str(SampleStatus.UNFINISHED)]
    ).tolist()
    reasons = dict.fromkeys(unfinished, _UNFINISHED)
    restored = np.unique(hosts[find_answers(samples)])
    states[restored] = RESTORED
    for host in restored.tolist():
        reasons.pop(host, None)
    reasons |= _find_failed(samples)
    reasons |= dict.fromkeys(set(range(n_hosts)) - set(hosts.tolist()), "it has no samples")
    states[list(reasons)] = FAILED
    return Outcomes("".join(states.tolist()), reasons)


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


def _find_failed(samples: StructureBatch) -> dict[int, str]:
    """Return the hosts that `mark_as_failed` marked, and the reasons."""
    errors = {
        record["reason"] for record in samples.history if record.get("stage") == "mark_as_failed"
    }
    rows = zip(samples.scalars["host"].tolist(), samples.metadata, strict=True)
    found = ((host, entry.get("error")) for host, entry in rows)
    return {host: _JOB.sub("", str(error)) for host, error in found if error in errors}


def _describe_end(process: ProcessNode) -> str:
    if process.is_excepted:
        lines = (process.exception or "it excepted").strip().splitlines()
        return f"its process failed: {lines[-1]}"
    if process.is_killed:
        return "its process was killed"
    return f"its process ended without samples: {process.exit_message or process.exit_status}"
