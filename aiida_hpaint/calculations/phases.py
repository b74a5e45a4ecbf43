"""phases_job: body of the PythonJob that relaxes competing phases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_hpaint.calculations.jobs import check_version
from aiida_hpaint.science.counting.phases import relax_phases
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.structures.batch import StructureBatch

__all__ = ["phases_job"]


def phases_job(
    structures: StructureBatch, settings: Mapping[str, Any], identity: Mapping[str, Any]
) -> dict[str, StructureBatch]:
    """Relax competing phases and their cells.

    Parameters
    ----------
    structures
        Phases from `make_phase_batch`.
    settings
        `potential`: `PotentialSettings`.
    identity
        Inputs that determine the result, for caching:
        `version` of the package and the model's `sha256`.

    Returns
    -------
    mapping
        `structures`: the relaxed phases with their energies.
    """
    from aiida_hpaint.science.relaxation import get_potential

    check_version(identity)
    potential = get_potential(PotentialSettings.model_validate(settings["potential"]))
    return {"structures": relax_phases(structures, potential)}
