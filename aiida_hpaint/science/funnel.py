"""The funnel around the relaxations: which samples enter them, and what is made of their end."""

from __future__ import annotations

from aiida_hpaint.science.evaluation import filter_samples, rank
from aiida_hpaint.science.settings import (
    FilterSettings,
    PotentialSettings,
    RelaxationSettings,
    SymmetrySettings,
)
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry import propose
from aiida_hpaint.science.symmetry import refine as refined
from aiida_hpaint.science.types import Progress

__all__ = ["arrange", "score", "winnow"]


def winnow(
    drawn: StructureBatch, symmetry: SymmetrySettings, filtering: FilterSettings
) -> StructureBatch:
    """Samples as drawn and, where asked for, symmetric proposals beside them, filtered."""
    return filter_samples(propose(drawn, symmetry), filtering)


def score(
    samples: StructureBatch,
    settings: RelaxationSettings,
    potential: PotentialSettings,
    *,
    deadline: float | None = None,
    progress: Progress | None = None,
) -> StructureBatch:
    """Relax all samples that are alive for a few steps, to see which are worth more.

    Returns the samples with the scalar `energy_scored`: eV after this stage, NaN where there is
    none. For the arguments and all other scalars see `aiida_hpaint.science.relaxation.relax`.
    """
    from aiida_hpaint.science.relaxation import relax

    scored = relax(
        samples, settings, potential, stage="score", deadline=deadline, progress=progress
    )
    return scored.with_scalars(energy_scored=scored.scalars["energy"])


def arrange(samples: StructureBatch, refine: float | None = None) -> StructureBatch:
    """Samples ranked within their host and, where asked for, refined within a tolerance (Å)."""
    ranked = rank(samples)
    if refine is None:
        return ranked
    return refined(ranked, refine)
