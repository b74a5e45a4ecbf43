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

_AFTER_RANKING = frozenset({"validation", "pick", "together"})
"""Parts of a plan that do not affect the ranked samples."""

_WITHOUT_EFFECT = frozenset({"device", "max_memory", "max_sites_per_batch", "record", "trust"})
"""Settings that do not affect results."""


def hash_plan(plan: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the sha256 of everything in a plan that determines the samples of a host.

    Devices and memory do not count, nor do names and paths of models whose sha256 is known, nor a
    later validation.

    Parameters
    ----------
    plan
        Contents of the plan from `read_plan`, like `{"sample": {"settings": ..., "identity":
        ...}}`.
    """
    stages = {
        name: _canonical(values) for name, values in plan.items() if name not in _AFTER_RANKING
    }
    return hashlib.sha256(json.dumps(stages, sort_keys=True).encode()).hexdigest()


def read_plan(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the contents of the nodes of a plan that `hash_plan` needs."""
    found: dict[str, dict[str, Any]] = {}
    for stage, nodes in plan.items():
        if isinstance(nodes, Data):
            found[stage] = {"": dict(nodes.base.attributes.all)}
            continue
        kept = {part: nodes[part] for part in ("settings", "identity") if part in nodes}
        found[stage] = {part: dict(node.base.attributes.all) for part, node in kept.items()}
    return found


def hash_plans(processes: Iterable[int], prefix: str = "graph_inputs__plan__") -> dict[int, str]:
    """Return the `hash_plan` of restorations by their PKs, in one query.

    Parameters
    ----------
    processes
        PKs of the restorations.
    prefix
        Start of the labels of links to the nodes of a plan.
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
    """Return the `hash_hosts` of a node, and save them as an extra of the node."""
    found: list[str] | None = hosts.base.extras.get(KEYS, None)
    if found is None:
        found = hash_hosts(hosts.batch)
        if hosts.is_stored:
            hosts.base.extras.set(KEYS, found)
    return found


def _canonical(values: Mapping[str, Any]) -> dict[str, Any]:
    # The version suffices: hosts are not computed again for each change of the source.
    identity = {k: v for k, v in values.get("identity", {}).items() if k != "source"}
    model = dict(identity.get("model", {}))
    hashed = "sha256" in model
    for name in ("name", "file", "source_sha256") if hashed else ():
        model.pop(name, None)
    found = {**values, "identity": {**identity, "model": model}}
    if "settings" in values:
        found["settings"] = _select_settings(values["settings"], hashed)
    return found


def _select_settings(settings: Mapping[str, Any], hashed: bool) -> dict[str, Any]:
    """Return settings, at any depth, without those that do not affect results."""
    unneeded = _WITHOUT_EFFECT | ({"generator", "model"} if hashed else set())
    return {
        name: _select_settings(value, hashed) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if name not in unneeded
    }
