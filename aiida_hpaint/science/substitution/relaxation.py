"""Relaxation of exchanged structures, volume included, with a potential that knows no stress."""

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
"""Scales of the cell's edges that are tried once sites have been relaxed."""

_SINGLE_POINT = RelaxationSettings(moving="all", max_steps=0, give_up_above=None)


def relax_candidates(blanks: Sequence[Candidate], settings: SubstitutionSettings) -> StructureBatch:
    """Exchanged structures at the volume of lowest energy among some, sites relaxed.

    Energies are compared at `scales` of the cell, sites relaxed, energies compared at scales
    nearby, and sites relaxed again. The shape of the cell stays.
    """
    built = [
        [build_structure(blank, scale, settings.rattle) for scale in settings.scales]
        for blank in blanks
    ]
    structures = _relaxed(_lowest(built, settings), settings)
    scaled = [[_scaled(one, scale) for scale in NEARBY] for one in structures]
    return _relaxed(_lowest(scaled, settings), settings)


def _lowest(
    choices: Sequence[Sequence[StructureBatch]], settings: SubstitutionSettings
) -> StructureBatch:
    """Of the choices for each structure the one of lowest energy; the middle one without any."""
    flat = _fresh(concatenate([choice for row in choices for choice in row]))
    energies = relax(flat, _SINGLE_POINT, settings.potential).scalars["energy"]
    table = np.where(np.isfinite(energies), energies, np.inf).reshape(len(choices), -1)
    best = np.where(np.isinf(table).all(1), table.shape[1] // 2, table.argmin(1))
    return flat[np.arange(len(choices)) * table.shape[1] + best]


def _relaxed(structures: StructureBatch, settings: SubstitutionSettings) -> StructureBatch:
    return relax(_fresh(structures), settings.relaxation, settings.potential)


def _fresh(structures: StructureBatch) -> StructureBatch:
    """The structures as if nothing had happened to them; those that are broken stay so."""
    statuses = structures.scalars["status"].astype(STATUS_DTYPE)
    alive = np.isin(statuses, [SampleStatus.SAMPLED.value, *(status.value for status in RELAXED)])
    statuses[alive] = SampleStatus.SAMPLED.value
    return replace(structures, scalars={"status": statuses}, history=())


def _scaled(structure: StructureBatch, scale: float) -> StructureBatch:
    return replace(structure, cells=structure.cells * scale)
