"""Inputs of single stages whose jobs are cheap, and go wrong."""

from __future__ import annotations

from typing import Any

from harmonic import FAULTS, name_potential

from aiida_hpaint.science.structures import StructureBatch

CHEAP: dict[str, Any] = {
    "sample": {"generator": "random", "samples": 1},
    "relax_inserted": {
        "relaxation": {"moving": "inserted", "max_steps": 2},
        "potential": {"name": "harmonic", "device": "cpu"},
    },
}


def stage_inputs(
    stage: str,
    structures: StructureBatch,
    fault: str = "",
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return the inputs of a StageWorkChain.

    `fault` is one of `HarmonicPotential`, or one of `sitecustomize` for sampling.
    """
    from aiida.orm import Dict, Str

    from aiida_hpaint import __version__
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.engine.codes import get_default_code
    from aiida_hpaint.workflows.engine.options import complete_job_options

    merged = {**CHEAP[stage], **(settings or {})}
    variables: dict[str, str] = {}
    if fault in FAULTS:
        merged["potential"] = {**merged["potential"], "name": name_potential(fault)}
    elif fault:
        variables["HPAINT_FAULT"] = fault
    given = {"environment_variables": variables, **options}
    return {
        "stage": Str(stage),
        "structures": StructureBatchData(structures),
        "settings": Dict(merged),
        "identity": Dict({"version": __version__}),
        "code": get_default_code(),
        "options": Dict(complete_job_options(stage, given)),
    }
