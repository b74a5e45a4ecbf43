"""Relaxation of candidates and their volume, with a potential that need not provide stress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.settings import RelaxationSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.status import RELAXED, STATUS_DTYPE, SampleStatus
from aiida_hpaint.science.substitution.candidates import Candidate, build_structure
from aiida_hpaint.science.substitution.settings import SubstitutionSettings

NEARBY = (0.97, 1.0, 1.03)
"""Factors of the cell's edges that are compared after the first relaxation."""

_SINGLE_POINT = RelaxationSettings(moving="all", max_steps=0, give_up_above=None)


def relax_candidates(
    candidates: Sequence[Candidate], settings: SubstitutionSettings
) -> StructureBatch:
    """Relax candidates, each in the scaled cell of lowest energy.

    Energies are compared at `settings.scales`, sites are relaxed, energies are compared at
    `NEARBY`, and sites are relaxed again. The shape of the cell stays as it is.
    """
    built = [
        [build_structure(candidate, scale, settings.rattle) for scale in settings.scales]
        for candidate in candidates
    ]
    structures = _relaxed(_choose_lowest(built, settings), settings)
    scaled = [[replace(one, cells=one.cells * scale) for scale in NEARBY] for one in structures]
    return _relaxed(_choose_lowest(scaled, settings), settings)


def _choose_lowest(
    choices: Sequence[Sequence[StructureBatch]], settings: SubstitutionSettings
) -> StructureBatch:
    """Return the choice of lowest energy for each structure; without energies, the middle."""
    flat = _reset(concatenate([choice for row in choices for choice in row]))
    energies = relax(flat, _SINGLE_POINT, settings.potential).scalars["energy"]
    table = np.where(np.isfinite(energies), energies, np.inf).reshape(len(choices), -1)
    best = np.where(np.isinf(table).all(1), table.shape[1] // 2, table.argmin(1))
    return flat[np.arange(len(choices)) * table.shape[1] + best]


def _relaxed(structures: StructureBatch, settings: SubstitutionSettings) -> StructureBatch:
    return relax(_reset(structures), settings.relaxation, settings.potential)


def _reset(structures: StructureBatch) -> StructureBatch:
    """Reset status and history, so that structures can be relaxed again; failures stay failed."""
    statuses = structures.scalars["status"].astype(STATUS_DTYPE)
    alive = np.isin(statuses, [SampleStatus.SAMPLED.value, *(status.value for status in RELAXED)])
    statuses[alive] = SampleStatus.SAMPLED.value
    return replace(structures, scalars={"status": statuses}, history=())
