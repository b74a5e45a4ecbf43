"""Inputs of single stages whose jobs are cheap, and go wrong."""

from __future__ import annotations

from typing import Any

from aiida_hpaint.science.structures import StructureBatch

CHEAP: dict[str, Any] = {
    "sample": {"generator": "random", "samples": 1},
    "relax_inserted": {
        "relaxation": {"moving": "inserted", "max_steps": 2},
        "potential": {"device": "cpu"},
    },
}


def stage_inputs(
    stage: str,
    structures: StructureBatch,
    fault: str = "",
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Inputs of a StageWorkChain; `fault` is one of `PoisonedPotential`."""
    from aiida.orm import Dict, Str

    from aiida_hpaint import __version__
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.restore.build import default_code, job_options

    given = {"environment_variables": {"HPAINT_FAULT": fault} if fault else {}, **options}
    return {
        "stage": Str(stage),
        "structures": StructureBatchData(structures),
        "settings": Dict({**CHEAP[stage], **(settings or {})}),
        "identity": Dict({"version": __version__}),
        "code": default_code(),
        "options": Dict(job_options(stage, given)),
    }
