"""The restore WorkGraph: hosts, cut into chunks -> stages of the recipe -> ranked structures."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.orm import AbstractCode, Dict, SinglefileData, StructureData
from aiida_workgraph import dynamic, namespace, task

from aiida_hpaint.calculations.validation import choose_structures
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.workflows.engine.durable import durable_graph
from aiida_hpaint.workflows.restore.chunks import (
    REPORTS,
    STAGE_PLAN,
    optional,
    rank_chunks,
    run_stages,
)
from aiida_hpaint.workflows.validate.graph import validate

__all__ = ["RESTORE_PLAN", "add_validation", "restore"]

_VALIDATION = namespace(
    settings=optional(Dict),
    choice=optional(Dict),
    code=optional(AbstractCode),
    options=optional(Dict),
)
RESTORE_PLAN = namespace(**STAGE_PLAN, validation=_VALIDATION)
_VALIDATED = namespace(
    summary=optional(Dict),
    table=optional(SinglefileData),
    structures=dynamic(StructureData),
    reports=dynamic(Dict),
)


@durable_graph(
    outputs=namespace(
        samples=StructureBatchData,
        table=SinglefileData,
        summary=Dict,
        structures=dynamic(StructureData),
        reports=REPORTS,
        trajectories=dynamic(DiffusionTrajectoryData),
        drawn=dynamic(StructureBatchData),
        validation=_VALIDATED,
    )
)
def restore(
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    plan: Annotated[dict[str, Any], RESTORE_PLAN],
) -> dict[str, Any]:
    """Put the missing sites of hosts back, and rank what was found.

    Each chunk goes through all stages independently of the others, and each stage always
    finishes: a job that dies leaves its chunk without candidates and the rest of the results
    stand.

    Parameters
    ----------
    hosts
        All hosts with the sites to insert, which have no position yet.
    chunks
        The same hosts, cut into chunks by `split_hosts`.
    plan
        For each stage that is on its settings, identity, code and scheduler options; without
        sampling, how to begin with `guesses`; the tolerance to `refine` within (Å), if any;
        whether to `pick` a StructureData for each host (yes, unless it says no); and what DFT is to
        relax, and how, if anything. `build_restore` makes it from a protocol.

    Returns
    -------
    mapping
        `structures`: the lowest sample of each host; `samples`: all of them, ranked; `table`:
        the same as CSV; `summary`; `reports`: what became of each stage of each chunk;
        `trajectories`: of each chunk, where `record` in the settings of sampling asks for them;
        `drawn`: the samples of each chunk, filtered, before any relaxation; `validation`: what
        `validate` returns, if DFT was asked for.
    """
    chunk_results = {key: run_stages(plan, key, structures) for key, structures in chunks.items()}
    sampling = {
        key: steps["sample"].outputs
        for key, (_, steps) in chunk_results.items()
        if "sample" in steps
    }
    recorded = "sample" in plan and plan["sample"]["settings"].get("record", 0)
    ranked = rank_chunks(plan, hosts, chunk_results)
    more = {"validation": add_validation(ranked["samples"], plan)} if "validation" in plan else {}
    return {
        **ranked,
        "trajectories": {key: of.trajectory for key, of in sampling.items() if recorded},
        "drawn": {key: of.structures for key, of in sampling.items()},
        **more,
    }


def add_validation(samples: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Relax the chosen samples by DFT, once they are there."""
    stage = dict(plan["validation"])
    choose = task(outputs=dynamic(StructureData))(choose_structures)
    chosen = choose(samples=samples, choice=stage.pop("choice"))
    found = validate(structures=chosen, plan=stage)
    return {name: found[name] for name in ("summary", "table", "structures", "reports")}
