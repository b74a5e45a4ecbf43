"""What became of each host of a restoration, and under which settings: noted once, read often.

Notes are extras of nodes that never change: they can be made anew at any time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida.orm import Data, ProcessNode, QueryBuilder, WorkflowNode

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.host_hashes import hash_hosts
from aiida_hpaint.science.structures.status import SampleStatus

__all__ = [
    "CHUNK_OF",
    "FAILED",
    "KEYS",
    "OUTCOMES",
    "PLAN",
    "RESTORED",
    "WITHOUT",
    "Outcomes",
    "keys_of",
    "note_outcomes",
    "outcomes_of",
    "plan_contents",
    "plan_key",
    "plan_keys",
    "summarise",
]

KEYS, OUTCOMES, PLAN = "hpaint_host_keys", "hpaint_outcomes", "hpaint_plan_key"
"""Extras: of the hosts, of a restoration that has ended, of a restoration."""

CHUNK_OF = "hpaint_chunk_of"
"""Extra of a restoration: UUID of the campaign that it is a chunk of."""

RESTORED, WITHOUT, FAILED = "r", "w", "f"
"""A host has a candidate; honestly has none; or its jobs came to nothing."""

_JOB = re.compile(r"^job \d+: ")
_UNFINISHED = "unfinished within the walltime of its jobs"
_LATER = frozenset({"validation", "pick"})
"""What comes after the ranking."""

_ELSEWHERE = frozenset({"device", "max_memory", "max_sites_per_batch", "record", "trust"})
"""Settings of where and how fast: results do not depend on them."""


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


def plan_key(plan: Mapping[str, Mapping[str, Any]]) -> str:
    """The sha256 of all that settles what a restoration finds in a host.

    Parameters
    ----------
    plan
        Contents of the settings and identities of the stages, like `{"sample": {"settings": ...,
        "identity": ...}}`, and of `refine`. How fast and where jobs run does not count, nor do
        names and paths of models that are known by their sha256, nor a later validation.
    """
    stages = {name: _canonical(values) for name, values in plan.items() if name not in _LATER}
    return hashlib.sha256(json.dumps(stages, sort_keys=True).encode()).hexdigest()


def plan_contents(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What `plan_key` needs of the nodes of a plan."""
    found: dict[str, dict[str, Any]] = {}
    for stage, nodes in plan.items():
        if isinstance(nodes, Data):
            found[stage] = {"": dict(nodes.base.attributes.all)}
            continue
        kept = {part: nodes[part] for part in ("settings", "identity") if part in nodes}
        found[stage] = {part: dict(node.base.attributes.all) for part, node in kept.items()}
    return found


def plan_keys(processes: Iterable[int], prefix: str = "graph_inputs__plan__") -> dict[int, str]:
    """`plan_key` of restorations by their PKs, in one query.

    Parameters
    ----------
    processes
        PKs.
    prefix
        Of the labels of the links of their plans.
    """
    query = QueryBuilder()
    query.append(WorkflowNode, filters={"id": {"in": list(processes)}}, project="id", tag="w")
    query.append(
        Data,
        with_outgoing="w",
        edge_filters={"label": {"like": f"{prefix}%"}},
        edge_project="label",
        project="attributes",
    )
    plans: dict[int, dict[str, dict[str, Any]]] = {}
    for pk, attributes, label in query.iterall():
        stage, _, part = label.removeprefix(prefix).partition("__")
        plan = plans.setdefault(pk, {})
        if part in ("", "settings", "identity"):
            plan.setdefault(stage, {})[part] = attributes
    return {pk: plan_key(plan) for pk, plan in plans.items()}


def keys_of(hosts: StructureBatchData) -> list[str]:
    """`host_keys` of a node, from its extras where they are."""
    found: list[str] | None = hosts.base.extras.get(KEYS, None)
    if found is None:
        found = hash_hosts(hosts.batch)
        if hosts.is_stored:
            hosts.base.extras.set(KEYS, found)
    return found


def note_outcomes(restoration: ProcessNode) -> Outcomes:
    """What became of each host of a restoration that has ended; noted with it."""
    noted: dict[str, Any] | None = restoration.base.extras.get(OUTCOMES, None)
    if noted is None:
        samples = restoration.base.links.get_outgoing(link_label_filter="samples").all_nodes()
        batch = samples[0].batch if samples else None
        found = outcomes_of(len(_hosts(restoration)), batch, _ending(restoration))
        noted = {"states": found.states, "reasons": {str(k): v for k, v in found.reasons.items()}}
        restoration.base.extras.set(OUTCOMES, noted)
    return Outcomes(noted["states"], {int(place): why for place, why in noted["reasons"].items()})


def outcomes_of(n_hosts: int, samples: StructureBatch | None, ending: str = "") -> Outcomes:
    """What became of hosts by their ranked samples.

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


def summarise(restorations: Sequence[ProcessNode]) -> dict[str, Any]:
    """Counts of hosts of restorations that have ended, and labels of those without a candidate."""
    states, without = "", []
    failed: dict[str, list[str]] = {}
    for restoration in restorations:
        outcomes = note_outcomes(restoration)
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
    lost = {record["reason"] for record in samples.history if record.get("stage") == "give_up"}
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


def _canonical(values: Mapping[str, Any]) -> dict[str, Any]:
    # A version is enough to know hosts again, also of a package under development.
    identity = {k: v for k, v in values.get("identity", {}).items() if k != "source"}
    model = dict(identity.get("model", {}))
    hashed = "sha256" in model
    for name in ("name", "file", "source_sha256") if hashed else ():
        model.pop(name, None)
    found = {**values, "identity": {**identity, "model": model}}
    if "settings" in values:
        found["settings"] = _settled(values["settings"], hashed)
    return found


def _settled(settings: Mapping[str, Any], hashed: bool) -> dict[str, Any]:
    """Settings without those that do not count, at any depth."""
    unneeded = _ELSEWHERE | ({"generator", "model"} if hashed else set())
    return {
        name: _settled(value, hashed) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if name not in unneeded
    }
