"""Which sample a duplicate stands for: what it would have become had the other not been drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.matching import inserted_distances
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.fate import Fate


def stands_for(drawn: StructureBatch, samples: StructureBatch) -> list[int]:
    """(S,) for samples of one host the row that each shares its outcome with, mostly its own.

    A duplicate that was not relaxed is closest, as drawn, to an earlier sample that was; one that
    was relaxed is closest to a lower one at its end.
    """
    duplicate = samples.scalars["fate"] == Fate.DUPLICATE.value
    energies = samples.scalars["energy"]
    evaluated = np.isfinite(energies)
    found = list(range(len(samples)))
    for row in np.flatnonzero(duplicate).tolist():
        if evaluated[row]:
            others = np.flatnonzero(~duplicate & (energies <= energies[row]))
            found[row] = _closest(samples, row, others)
        else:
            others = np.flatnonzero(evaluated)
            found[row] = _closest(drawn, row, others[others < row])
    return found


def _closest(samples: StructureBatch, row: int, others: NDArray[np.intp]) -> int:
    """Of other samples the one whose inserted sites are closest, or the sample itself."""
    farthest = {
        int(other): inserted_distances(samples[row], samples[int(other)]).max(initial=0.0)
        for other in others
        if samples.placed[other]
    }
    return min(farthest, key=farthest.__getitem__) if farthest else row
