"""The validate WorkGraph: relax candidates and references by DFT, and compare."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

from aiida.orm import AbstractCode, Dict, Float, SinglefileData, StructureData
from aiida_workgraph import dynamic, get_current_graph, namespace, task
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.validation import compare_validated
from aiida_hpaint.data.structure_batch import DETAILS
from aiida_hpaint.workflows.dft.relax import DftRelaxWorkChain
from aiida_hpaint.workflows.engine.codes import is_this_machine
from aiida_hpaint.workflows.engine.durable import durable_graph

__all__ = ["DFT", "VALIDATED", "validate"]

DFT = namespace(
    settings=Dict,
    code=AbstractCode,
    options=Dict,
    overrides=Annotated[Dict, SocketMeta(required=False)],
)
_COMPARED = namespace(summary=Dict, table=SinglefileData, structures=dynamic(StructureData))
VALIDATED = namespace(
    summary=Dict,
    table=SinglefileData,
    structures=dynamic(StructureData),
    reports=dynamic(Dict),
)


@durable_graph(outputs=VALIDATED)
def validate(
    plan: Annotated[dict[str, Any], DFT],
    structures: Annotated[dict[str, Any] | None, dynamic(StructureData)] = None,
) -> dict[str, Any]:
    """Relax structures with DFT, independently of each other, and compare those of a host.

    A structure whose DFT fails is reported and does not affect the others. Without a batch system,
    structures wait for free cores.

    Parameters
    ----------
    plan
        `DftSettings`, the code of pw.x, options of its jobs, and `overrides` of PwBaseWorkChain;
        see `build_dft_plan`.
    structures
        Candidates and references, as `choose_structures` returns them; None if a restoration
        found none.

    Returns
    -------
    mapping
        `summary`, `table` and `structures`: see `compare_validated`; `reports`: the
        report of each DftRelaxWorkChain.
    """
    graph = get_current_graph()
    lanes = limit_concurrency(plan["code"], plan["options"].get_dict())
    steps: list[Any] = []
    reports: dict[str, Any] = {}
    relaxed: dict[str, Any] = {}
    for key, structure in (structures or {}).items():
        charge = structure.base.attributes.get(DETAILS, {}).get("charge", 0.0)
        inputs = {"structure": structure, **plan, **({"charge": Float(charge)} if charge else {})}
        step = graph.add_task(DftRelaxWorkChain, name=f"dft_{key}", **inputs)
        if lanes is not None and len(steps) >= lanes:
            step.waiting_on.add(steps[-lanes])
        steps.append(step)
        reports[key] = step.outputs.report
        relaxed[f"{key}__start"] = structure
        relaxed[f"{key}__end"] = step.outputs.structure
        relaxed[f"{key}__report"] = step.outputs.report
    compared = task(outputs=_COMPARED)(compare_validated)(relaxed=relaxed)
    return {
        "summary": compared.summary,
        "table": compared.table,
        "structures": compared.structures,
        "reports": reports,
    }


def limit_concurrency(code: AbstractCode, options: Mapping[str, Any]) -> int | None:
    """Return how many structures are relaxed at the same time; None: all.

    Batch systems queue jobs. Where jobs start as soon as they are submitted, the number follows
    from the cores: those of this machine, or of a remote computer those that AiiDA knows of.
    """
    if code.computer is None or code.computer.scheduler_type != "core.direct":
        return None
    resources = options.get("resources", {})
    each = resources.get("tot_num_mpiprocs") or resources.get("num_mpiprocs_per_machine") or 1
    is_local = is_this_machine(code.computer)
    cores = os.cpu_count() if is_local else code.computer.get_default_mpiprocs_per_machine()
    return max(1, (cores or 1) // int(each))
