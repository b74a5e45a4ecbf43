"""The WorkGraph that restores hosts: chunks -> stages of the recipe -> ranked structures."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.orm import AbstractCode, Dict, SinglefileData, StructureData
from aiida_workgraph import dynamic, namespace, task

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.workflows.engine.durable import durable_graph
from aiida_hpaint.workflows.restore.chunks import (
    RANKED,
    STAGE_PLAN,
    optional,
    rank_chunks,
    run_stages,
)

__all__ = ["RESTORE_PLAN", "restore"]

_VALIDATION = namespace(
    settings=optional(Dict),
    choice=optional(Dict),
    code=optional(AbstractCode),
    options=optional(Dict),
    overrides=optional(Dict),
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
        **RANKED,
        trajectories=dynamic(DiffusionTrajectoryData),
        unrelaxed=dynamic(StructureBatchData),
        validation=_VALIDATED,
    )
)
def restore(
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    plan: Annotated[dict[str, Any], RESTORE_PLAN],
) -> dict[str, Any]:
    """Sample positions for the sites to insert, relax the structures, and rank them.

    Each chunk goes through the stages independently of the others. Each stage finishes: if its
    jobs fail, the chunk has no candidates, and the results of the other chunks stand.

    Parameters
    ----------
    hosts
        All hosts with the sites to insert, which have no positions yet.
    chunks
        The same hosts in the cells that are searched, as `cut_into_chunks` splits them.
    plan
        Settings, identity, code and options of each stage that is on; which `cell` was chosen for
        the chunks; without sampling, settings for `guesses`; how to `finish` (checks, symmetry);
        whether to `pick` a StructureData for each host (default: yes); and the `validation` with
        DFT, if any.
        `build_restore` makes the plan from a protocol.

    Returns
    -------
    mapping
        `structures`: lowest-energy sample of each host; `samples`: all samples, ranked; `table`:
        the same as CSV; `summary`; `reports` of each stage of each chunk; `trajectories` of each
        chunk, if `record` in the settings of sampling asks for them; `unrelaxed`: filtered samples
        of each chunk before any relaxation; `validation`: outputs of `validate`, if DFT is asked
        for.
    """
    results = {key: run_stages(plan, key, structures) for key, structures in chunks.items()}
    sampling = {key: chunk for key, chunk in results.items() if chunk.sampled is not None}
    is_recorded = "sample" in plan and plan["sample"]["settings"].get("record", 0)
    ranked = rank_chunks(plan, hosts, results)
    outputs = {
        **ranked,
        "trajectories": {key: of.trajectory for key, of in sampling.items() if is_recorded},
        "unrelaxed": {key: of.sampled for key, of in sampling.items()},
    }
    if "validation" in plan:
        outputs["validation"] = add_validation(ranked["samples"], plan)
    return outputs


def add_validation(samples: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Add the relaxation of the chosen samples by DFT to the current graph.

    Returns
    -------
    mapping
        Outputs of `validate`.
    """
    # Few restorations need pw.x, whose packages take a second to import.
    from aiida_hpaint.calculations.validation import choose_structures
    from aiida_hpaint.workflows.validate.graph import validate

    stage = dict(plan["validation"])
    choose = task(outputs=dynamic(StructureData))(choose_structures)
    chosen = choose(samples=samples, choice=stage.pop("choice"))
    found = validate(structures=chosen, plan=stage)
    return {name: found[name] for name in ("summary", "table", "structures", "reports")}
