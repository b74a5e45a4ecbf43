"""Hashes of hosts and of plans, by which restorations that were computed before are found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from aiida.orm import Data, QueryBuilder, WorkflowNode

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.host_hashes import hash_hosts

__all__ = ["KEYS", "PLAN", "get_host_keys", "hash_plan", "hash_plans", "read_plan"]


KEYS = "hpaint_host_keys"
"""Extra of a node of hosts: the hash of each host."""

PLAN = "hpaint_plan_key"
"""Extra of a restoration: the hash of its plan."""


_LATER = frozenset({"validation", "pick"})
"""What comes after the ranking."""

_ELSEWHERE = frozenset({"device", "max_memory", "max_sites_per_batch", "record", "trust"})
"""Settings of where and how fast: results do not depend on them."""


def hash_plan(plan: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the sha256 of all that settles what a restoration finds in a host.

    Parameters
    ----------
    plan
        Contents of the settings and identities of the stages, like `{"sample": {"settings": ...,
        "identity": ...}}`, and of `refine`. How fast and where jobs run does not count, nor do
        names and paths of models that are known by their sha256, nor a later validation.
    """
    stages = {name: _canonical(values) for name, values in plan.items() if name not in _LATER}
    return hashlib.sha256(json.dumps(stages, sort_keys=True).encode()).hexdigest()


def read_plan(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what `hash_plan` needs of the nodes of a plan."""
    found: dict[str, dict[str, Any]] = {}
    for stage, nodes in plan.items():
        if isinstance(nodes, Data):
            found[stage] = {"": dict(nodes.base.attributes.all)}
            continue
        kept = {part: nodes[part] for part in ("settings", "identity") if part in nodes}
        found[stage] = {part: dict(node.base.attributes.all) for part, node in kept.items()}
    return found


def hash_plans(processes: Iterable[int], prefix: str = "graph_inputs__plan__") -> dict[int, str]:
    """`hash_plan` of restorations by their PKs, in one query.

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
    return {pk: hash_plan(plan) for pk, plan in plans.items()}


def get_host_keys(hosts: StructureBatchData) -> list[str]:
    """`hash_hosts` of a node, from its extras where they are."""
    found: list[str] | None = hosts.base.extras.get(KEYS, None)
    if found is None:
        found = hash_hosts(hosts.batch)
        if hosts.is_stored:
            hosts.base.extras.set(KEYS, found)
    return found


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
    """Return settings without those that do not count, at any depth."""
    unneeded = _ELSEWHERE | ({"generator", "model"} if hashed else set())
    return {
        name: _settled(value, hashed) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if name not in unneeded
    }
