"""Ranking of the relaxed samples of each host by energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.duplicates import find_duplicates
from aiida_hpaint.science.plausibility import count_misplaced
from aiida_hpaint.science.settings import FilterSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import RELAXED, STATUS_DTYPE, SampleStatus
from aiida_hpaint.science.types import BoolArray, FloatArray

SAME_ENERGY = 0.001
"""Energy in eV per atom within which relaxed samples with equal arrangements are the same."""


def select_lowest(
    samples: StructureBatch,
    keep: int,
    window: float,
    same: float = FilterSettings().same,
    misplaced: float = 0.0,
) -> StructureBatch:
    """Keep the lowest relaxed samples of each host; mark the rest HIGHER_IN_ENERGY or DUPLICATE.

    Where the budget of a host says which atoms carry H, a sample with another distribution counts
    as higher by `misplaced` for each H that is elsewhere: records are mostly right, and energies
    before the end of a relaxation are off by more than a proton transfer costs. It still goes on
    where its energy makes the case.

    Parameters
    ----------
    keep
        Number of distinct samples of each host that are kept.
    window
        Samples within this energy above the lowest, eV per atom, are kept too, up to twice `keep`.
    same
        Largest distance in Å of inserted sites at which samples count as duplicates.
    misplaced
        Energy in eV for each H that is not where the budget says.
    """
    hosts = list_relaxed(samples)
    if not hosts:
        return samples  # such as references, which begin without an energy
    statuses = samples.scalars["status"].astype(STATUS_DTYPE)
    penalties = misplaced * np.maximum(count_misplaced(samples), 0) if misplaced else 0.0
    energies = (samples.scalars["energy"] + penalties) / samples.site_counts
    for members in hosts:
        members = members[np.argsort(energies[members], kind="stable")]
        repeats = find_repeats(
            members,
            energies,
            lambda *pair: bool(find_duplicates(samples, np.array(pair), same)),
        )
        statuses[list(repeats)] = SampleStatus.DUPLICATE.value
        distinct = [index for index in members if index not in repeats]
        for place, index in enumerate(distinct):
            close = energies[index] - energies[distinct[0]] <= window
            if place >= (2 * keep if close else keep):
                statuses[index] = SampleStatus.HIGHER_IN_ENERGY.value
    return samples.with_scalars(status=statuses)


def rank(samples: StructureBatch) -> StructureBatch:
    """Rank the relaxed samples of each host by energy, those that pass the checks first.

    Adds `rank` (from 0 within each host, -1 not ranked) and `energy_above_best` (energy above the
    sample of rank 0, eV per atom; negative for one that is lower and fails). Samples without the
    scalar `passes` were not checked, and all pass.
    """
    ranks = np.full(len(samples), -1)
    above = np.full(len(samples), np.nan)
    energies = samples.scalars["energy"] / samples.site_counts
    passes = samples.scalars.get("passes", np.ones(len(samples), dtype=np.bool_))
    for members in list_relaxed(samples):
        members = members[np.argsort(~passes[members], kind="stable")]
        ranks[members] = np.arange(len(members))
        above[members] = energies[members] - energies[members[0]]
    return samples.with_scalars(rank=ranks, energy_above_best=above)


def exclude_fixed_cells(samples: StructureBatch) -> StructureBatch:
    """Mark samples FAILED whose cell is fixed beside relaxed ones of the same host.

    That happens where the job of one of two searches of a host failed: an energy in the cell of the
    host is higher than that of the same arrangement in a cell that relaxed.
    """
    if "max_stress" not in samples.scalars:
        return samples
    statuses = samples.scalars["status"].astype(STATUS_DTYPE)
    metadata = list(samples.metadata)
    is_free = np.isfinite(samples.scalars["max_stress"])
    for members in list_relaxed(samples):
        if is_free[members].any():
            for index in members[~is_free[members]].tolist():
                statuses[index] = SampleStatus.FAILED.value
                error = "its cell was not relaxed, unlike those of other samples of the host"
                metadata[index] = {**metadata[index], "error": error}
    return replace(samples, metadata=tuple(metadata)).with_scalars(status=statuses)


def find_answers(samples: StructureBatch) -> BoolArray:
    """Return (S,) whether a sample is the answer for its host: of rank 0, and it passes."""
    passes = samples.scalars.get("passes", np.ones(len(samples), dtype=np.bool_))
    return np.asarray((samples.scalars["rank"] == 0) & passes)


def list_relaxed(samples: StructureBatch) -> list[NDArray[np.intp]]:
    """Return the relaxed samples of each host, the lowest first (ties: the earlier sample)."""
    relaxed = np.isin(samples.scalars["status"], [status.value for status in RELAXED])
    groups = []
    for host in np.unique(samples.scalars["host"]):
        members = np.where(relaxed & (samples.scalars["host"] == host))[0]
        if len(members):
            order = np.argsort(samples.scalars["energy"][members], kind="stable")
            groups.append(members[order])
    return groups


def find_repeats(
    members: NDArray[np.intp], energies: FloatArray, is_same: Callable[[int, int], bool]
) -> dict[int, int]:
    """Find members that agree with a lower one in energy and by `is_same`, and with which.

    Parameters
    ----------
    members
        Samples of one host, the lowest first.
    energies
        Energies per atom of all samples, eV.
    is_same
        Says of a lower and a higher sample whether they agree in cell and arrangement.
    """
    found: dict[int, int] = {}
    for place, index in enumerate(members.tolist()):
        lower = members[:place]
        alike = lower[np.abs(energies[lower] - energies[index]) < SAME_ENERGY]
        for other in (one for one in alike.tolist() if one not in found):
            if is_same(other, index):
                found[index] = other
                break
    return found
