"""Energies of relaxed structures by other potentials."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from aiida_hpaint.science.benchmark.statistics.outcomes import none_unless_finite
from aiida_hpaint.science.benchmark.statistics.rows import PotentialRow
from aiida_hpaint.science.relaxation import get_potential
from aiida_hpaint.science.relaxation.evaluator import Evaluator, Structures
from aiida_hpaint.science.relaxation.potentials import PotentialError, list_potentials
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import FloatArray

MAX_SITES = 400
"""Largest number of sites that are evaluated at once."""


def find_usable_potentials(
    names: Sequence[str], beside: PotentialSettings
) -> tuple[dict[str, PotentialSettings], dict[str, str]]:
    """Return the potentials that can run on this machine, and why the others cannot.

    Parameters
    ----------
    names
        Names of `list_potentials`, with `=FILE` after those that need a model file; 'all' stands
        for all of them.
    beside
        Potential that relaxes; it is left out silently, because its energies are known. The others
        have the same dispersion.

    Raises
    ------
    PotentialError
        If there is no such potential.
    """
    known = [info.name for info in list_potentials()]
    wanted = [name for entry in names for name in (known if entry == "all" else [entry])]
    found: dict[str, PotentialSettings] = {}
    left_out: dict[str, str] = {}
    for entry in dict.fromkeys(wanted):
        name, _, file = entry.partition("=")
        settings = PotentialSettings(
            name=name,
            model=file or None,
            **beside.model_dump(include={"device", "trust", "dispersion"}),
        )
        if name not in known:
            raise PotentialError(f"unknown potential {name!r}: choose from {', '.join(known)}")
        if (settings.name, settings.model) == (beside.name, beside.model):
            continue
        try:
            get_potential(settings)
        except PotentialError as error:
            left_out[entry] = str(error)
        else:
            found[entry] = settings
    return found, left_out


def evaluate_single_points(
    samples: StructureBatch, reference: StructureBatch, potential: PotentialSettings
) -> PotentialRow:
    """Evaluate the samples of one host and its reference without moving any site.

    Energies are None for samples without an energy and where the potential fails.
    """
    chosen = np.flatnonzero(np.isfinite(samples.scalars["energy"]))
    evaluator = Evaluator(get_potential(potential), MAX_SITES)
    began = time.process_time()
    energies = np.full(len(samples), np.nan)
    energies[chosen] = _evaluate(evaluator, samples[chosen])
    target = _evaluate(evaluator, reference)[0]
    seconds = time.process_time() - began
    return PotentialRow(
        reference=none_unless_finite(target),
        energies=tuple(none_unless_finite(energy) for energy in energies),
        seconds=seconds,
        evaluations=evaluator.structures,
    )


def _evaluate(evaluator: Evaluator, structures: StructureBatch) -> FloatArray:
    """Return (S,) energies in eV; NaN where the evaluation failed."""
    batch = Structures(
        structures.numbers, structures.cart_coords, structures.cells, structures.site_counts
    )
    return evaluator.evaluate(batch)[0].energies
