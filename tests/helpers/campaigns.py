"""Hosts, settings and nodes of restorations for the tests of campaigns, mostly without jobs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import fault_plugins  # noqa: F401
import numpy as np

from aiida_hpaint.science.structures import StructureBatch, concatenate

QUICK: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 1, "device": "cpu"},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,  # relaxations end early
    "filter": {"plausible": False},
    "score": None,
    "search": None,
    "potential": {"name": "harmonic", "device": "cpu"},
    "relax_inserted": {"max_steps": 1},
    "relax_all": {"max_steps": 1},
    "keep": 1,
}


def cheap_options(**more: Any) -> dict[str, dict[str, Any]]:
    """Return options of jobs that find the cheap potential of `tests/faults/plugins`."""
    variables = {"PYTHONPATH": os.environ["PYTHONPATH"]}
    options = {"environment_variables": variables, **more}
    return {"sample": options, "relax": options}


def variants(host: StructureBatch, labels: Sequence[str]) -> StructureBatch:
    """Return copies of a host with increasing volume, one for each label."""
    return concatenate(
        [
            replace(host, cells=host.cells * (1 + 0.01 * i), labels=(label,))
            for i, label in enumerate(labels)
        ]
    )


def ranked(hosts: StructureBatch, statuses: Sequence[str], errors: Sequence[str] = ()) -> Any:
    """Return one ranked sample of each host; converged samples have a rank.

    Errors that begin with "job" are those of jobs that died.
    """
    errors = errors or [""] * len(statuses)
    coords = np.where(np.isnan(hosts.frac_coords), 0.3, hosts.frac_coords)
    converged = np.array([status == "converged" for status in statuses])
    reasons = dict.fromkeys(error for error in errors if error.startswith("job"))
    return replace(
        hosts,
        frac_coords=coords,
        metadata=tuple({"error": error} if error else {} for error in errors),
        history=tuple({"stage": "mark_as_failed", "reason": reason} for reason in reasons),
    ).with_scalars(
        host=np.arange(len(hosts)),
        sample=np.zeros(len(hosts), dtype=int),
        status=np.array(statuses),
        rank=np.where(converged, 0, -1),
        energy=np.where(converged, -1.0, np.nan),
        energy_above_best=np.where(converged, 0.0, np.nan),
        energy_sampled=np.where(converged, -1.0, np.nan),
        max_force=np.where(converged, 0.01, np.nan),
        steps=np.ones(len(hosts), dtype=int),
    )


def restoration(
    hosts: StructureBatch,
    plan: dict[str, Any],
    samples: StructureBatch | None,
    state: str,
    caller: Any = None,
) -> Any:
    """Store the node of a restoration that has not run, with hosts, plan and samples."""
    from aiida.common.links import LinkType
    from aiida.orm import Data
    from aiida_workgraph.orm.workgraph import WorkGraphNode

    from aiida_hpaint.data.structure_batch import StructureBatchData

    node = WorkGraphNode()
    node.set_process_label("WorkGraph<made up>")
    node.label = "made up"
    inputs: dict[str, Data] = {"hosts": StructureBatchData(hosts).store()}
    for stage, nodes in plan.items():
        named = {f"plan__{stage}": nodes} if isinstance(nodes, Data) else {}
        named |= {} if named else {f"plan__{stage}__{part}": nodes[part] for part in nodes}
        inputs |= {name: data if data.is_stored else data.store() for name, data in named.items()}
    for name, data in inputs.items():
        node.base.links.add_incoming(data, LinkType.INPUT_WORK, f"graph_inputs__{name}")
    if caller is not None:
        node.base.links.add_incoming(caller, LinkType.CALL_WORK, "chunk_0000")
    node.set_process_state(state)
    node.store()
    if samples is not None:
        found = StructureBatchData(samples).store()
        found.base.links.add_incoming(node, LinkType.RETURN, "samples")
    if state in ("finished", "killed", "excepted"):
        if state == "finished":
            node.set_exit_status(0)
        node.seal()
    return node


def controller(hosts: StructureBatch, plan: Any, group: Any, state: str = "waiting") -> Any:
    """Store the node of a CampaignWorkChain that does not run."""
    from aiida.common.links import LinkType
    from aiida.orm import Data, Str, WorkChainNode

    from aiida_hpaint.data.structure_batch import StructureBatchData

    node = WorkChainNode()
    node.set_process_label("CampaignWorkChain")
    inputs = {"hosts": StructureBatchData(hosts), "campaign": Str(group.uuid)}
    for stage, nodes in plan.items():
        if isinstance(nodes, Data):
            inputs[f"plan__{stage}"] = nodes
        else:
            inputs |= {f"plan__{stage}__{part}": nodes[part] for part in nodes}
    for name, data in inputs.items():
        node.base.links.add_incoming(
            data if data.is_stored else data.store(), LinkType.INPUT_WORK, name
        )
    node.set_process_state(state)
    return node.store()
