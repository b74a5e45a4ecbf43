"""Evidence for the answer of one host: what the search found, and how often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.duplicates import compute_least_rms
from aiida_hpaint.science.evaluation.equivalence import find_host_symmetry
from aiida_hpaint.science.plausibility import find_parents
from aiida_hpaint.science.plausibility.bonding import COMPLEX, METALLIC, classify_hydrogen
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import ENERGY_FIXED_CELL
from aiida_hpaint.science.structures.fixed_host import HELD
from aiida_hpaint.science.structures.geometric import (
    GEOMETRIC,
    count_geometric,
    find_geometric_groups,
)
from aiida_hpaint.science.structures.primitive import CELL_REPEATS
from aiida_hpaint.science.structures.sample_origin import GENERATED, INDEPENDENT
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

AGREE = 0.5
"""Root mean square distance in Å of inserted sites up to which a sample, relaxed or not, agrees
with a state. Of relaxed candidates for MC3D hosts (tuning half), 21 of 28 that were drawn this
close to the reference became it, and 2 of 105 of the others."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against the answer of a host.

    Attributes
    ----------
    samples
        Number of independent samples: drawn with random numbers of their own.
    found
        How many of them agree with the answer: those that ended in it, as the search counts them,
        or, without a search, those that are close to it.
    single
        How many of the relaxed states, the answer included, only one sample agrees with, or none.
    states
        Number of distinct states that were relaxed to the end.
    gap
        Energy of the next state above the answer, eV per atom; an upper bound where that state was
        not relaxed to the end, None where there is no other state.
    inserted, sites
        Number of inserted sites, and of all in the cell that was searched.
    is_hydride
        Whether H is bonded to metals, or to centres of complex hydrides: kinds that the training
        data of the bundled model have little of.
    passes
        Whether the answer passes the checks.
    displacement
        Largest displacement of a host atom other than H, Å; None where nothing was checked.
    held
        Whether the host was put back, because the potential rebuilds it.
    repeats
        How many other samples ended in the answer, as the search counts them, wherever they came
        from: drawn, proposed on Wyckoff positions, or made by the search. Symmetrised versions of
        samples say nothing new, and without a search it is 0.
    geometric
        How many inserted H began in geometric positions.
    fixed
        How many inserted H have but one such position, so that all samples agree in them. Whether
        samples agree with the answer is about the others.
    """

    samples: int
    found: int
    single: int
    states: int
    gap: float | None
    inserted: int
    sites: int
    is_hydride: bool
    passes: bool
    displacement: float | None = None
    held: bool = False
    repeats: int = 0
    geometric: int = 0
    fixed: int = 0


def collect_evidence(samples: StructureBatch, host: StructureBatch, answer: int) -> Evidence:
    """Collect the evidence for one answer.

    Parameters
    ----------
    samples
        All ranked samples of one host, with the scalars `status`, `rank` and `energy` (eV).
    host
        The host before the restoration.
    answer
        Row of the answer.
    """
    states = np.flatnonzero(samples.scalars["rank"] >= 0)
    origins = samples.scalars.get("origin", np.full(len(samples), GENERATED))
    drawn = np.flatnonzero(np.isin(origins, INDEPENDENT))
    found = samples.scalars["found"][states] if "found" in samples.scalars else None
    if found is None:  # no search counted where samples ended
        found = count_found(samples, host, states, drawn)
    passes = samples.scalars.get("passes", np.ones(len(samples), dtype=np.bool_))
    moved = samples.scalars.get("host_displacement", np.full(len(samples), np.nan))
    one = samples[answer]
    return Evidence(
        samples=len(drawn),
        found=int(found[states == answer][0]),
        single=int(np.count_nonzero(found <= 1)),
        states=len(states),
        gap=_find_gap(samples, answer),
        inserted=int(one.insert_counts[0]),
        sites=one.n_sites // int(one.scalars.get(CELL_REPEATS, [1])[0]),
        is_hydride=classify_hydrogen(one) in (COMPLEX, METALLIC),
        passes=bool(passes[answer]),
        displacement=float(moved[answer]) if np.isfinite(moved[answer]) else None,
        held=HELD in one.metadata[0],
        repeats=int(one.scalars["repeats"][0]) if "repeats" in one.scalars else 0,
        geometric=count_geometric(one),
        fixed=int(find_fixed(one, host).sum()),
    )


def count_found(
    samples: StructureBatch,
    host: StructureBatch,
    states: NDArray[np.intp],
    drawn: NDArray[np.intp],
) -> IntArray:
    """Count how many of the drawn samples of a host agree with each of its states.

    A sample agrees with the state whose inserted sites are closest to its own, wherever its
    relaxation ended, if the root mean square of the distances is below `AGREE`. H that bonds fix
    are left out where there are others: they would hide how far these are apart.
    """
    symmetry = find_host_symmetry(host)
    counts = np.zeros(len(states), dtype=np.int64)
    targets = [_find_open(samples[int(state)], host) for state in states]
    for index in drawn[samples.placed[drawn]].tolist():
        numbers, frac = _find_open(samples[index], host)
        rms = [
            compute_least_rms(symmetry, numbers, target, frac, AGREE)
            if np.array_equal(numbers, present)
            else np.inf
            for present, target in targets
        ]
        if min(rms) < AGREE:
            counts[int(np.argmin(rms))] += 1
    return counts


def find_fixed(one: StructureBatch, host: StructureBatch) -> BoolArray:
    """Return which (m,) inserted sites of one sample are H that began where bonds fix them."""
    inserted = np.flatnonzero(host.inserted)
    if GEOMETRIC not in one.metadata[0]:
        return np.zeros(len(inserted), dtype=np.bool_)
    groups = find_geometric_groups(
        host.cells[0], host.numbers, host.frac_coords, host.inserted, find_parents(one)
    )
    fixed = [group.sites for group in groups if group.directions.is_fixed]
    return np.isin(inserted, np.concatenate([[-1], *fixed]))


def _find_open(one: StructureBatch, host: StructureBatch) -> tuple[IntArray, FloatArray]:
    """Return numbers and positions of the inserted sites that may differ between samples."""
    fixed = find_fixed(one, host)
    sites = np.flatnonzero(one.inserted)[~fixed | fixed.all()]
    return one.numbers[sites], one.frac_coords[sites]


def _find_gap(samples: StructureBatch, answer: int) -> float | None:
    energies = samples.scalars["energy"] / samples.site_counts
    others = np.isfinite(energies)
    others &= samples.scalars["status"] != SampleStatus.DUPLICATE.value
    others[answer] = False
    gaps = energies - energies[answer]
    if ENERGY_FIXED_CELL in samples.scalars:
        # The cells of samples that were not relaxed to the end are still those of the host.
        before = float(samples.scalars[ENERGY_FIXED_CELL][answer] / samples.site_counts[answer])
        is_fixed = ~np.isin(samples.scalars["status"], [status.value for status in RELAXED])
        gaps = np.where(is_fixed & np.isfinite(before), energies - before, gaps)
    return float(gaps[others].min()) if others.any() else None
