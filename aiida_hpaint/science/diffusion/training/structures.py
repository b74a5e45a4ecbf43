"""Structures to train on: flat arrays, possibly mapped from disk, read one crystal at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.diffusion.lattice import orient_cell, reduce_cell, reduce_to_niggli
from aiida_hpaint.science.types import FloatArray, IntArray

HEAVIEST = 118
"""Largest atomic number."""

SMALLEST_VOLUME = 0.1
"""Å³ per site; real crystals have far more."""


class TrainingDataError(ValueError):
    """Training data that cannot be used; the message says where, why and what to do."""


@dataclass(frozen=True)
class TrainingCrystal:
    """One structure in a reduced cell of standard orientation.

    Attributes
    ----------
    numbers : (n,) atomic numbers.
    frac : (n, 3) fractional coordinates.
    cell : (3, 3) lattice vectors as rows, Å.
    """

    numbers: NDArray[np.int64]
    frac: NDArray[np.float64]
    cell: NDArray[np.float64]


@dataclass(frozen=True)
class TrainingStructures:
    """Structures as they were read; `chosen` selects some of them without copying.

    Attributes
    ----------
    counts : (F,) number of sites of each structure in the arrays.
    numbers : (N,) atomic numbers, structure after structure.
    frac : (N, 3) fractional coordinates.
    cells : (F, 3, 3) lattice vectors as rows, Å.
    labels : (F,) names of the structures.
    chosen : (S,) rows of the selected structures in the arrays above.
    weights : (F,) how often each structure is drawn, relative to others.
    """

    counts: IntArray
    numbers: IntArray
    frac: FloatArray
    cells: FloatArray
    labels: NDArray[np.str_]
    chosen: IntArray
    weights: FloatArray

    @classmethod
    def of(
        cls,
        counts: IntArray,
        numbers: IntArray,
        frac: FloatArray,
        cells: FloatArray,
        labels: NDArray[np.str_] | None = None,
    ) -> TrainingStructures:
        """Check arrays and select all structures in them.

        Raises
        ------
        TrainingDataError
            If counts do not add up, or a structure has no sites, an unknown species, a position
            or cell that is not finite, or no volume.
        """
        if counts.dtype.kind not in "iu" or numbers.dtype.kind not in "iu":
            raise TrainingDataError("numbers of sites and atomic numbers have to be integers")
        counts = counts.astype(np.int64)
        if labels is None:
            labels = np.arange(len(counts)).astype(np.str_)
        check_shapes(counts, numbers, frac, cells, labels)
        made = cls(
            counts, numbers, frac, cells, labels, np.arange(len(counts)), np.ones(len(counts))
        )
        check_structures(made)
        return made

    def __len__(self) -> int:
        return len(self.chosen)

    def crystal(self, index: int, *, niggli: bool = False) -> TrainingCrystal:
        """Return one structure in a reduced cell, as sampling uses for hosts.

        Its axes may have another order and other signs than there, where these are the same for
        all settings of a crystal; networks that see axes get the Niggli cell in both.
        """
        row = int(self.chosen[index])
        start = self.starts[row]
        sites = slice(start, start + self.counts[row])
        cell = np.asarray(self.cells[row], dtype=np.float64)
        transform = reduce_to_niggli(cell) if niggli else reduce_cell(cell)
        frac = np.asarray(self.frac[sites], dtype=np.float64) @ np.linalg.inv(transform)
        numbers = np.asarray(self.numbers[sites], dtype=np.int64)
        return TrainingCrystal(numbers, frac, orient_cell(transform @ cell))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """First site of each structure in the arrays, (F,)."""
        return np.asarray(np.cumsum(self.counts) - self.counts)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of sites of each structure, (S,)."""
        return np.asarray(self.counts[self.chosen], dtype=np.int64)

    def contain(self, number: int) -> NDArray[np.bool_]:
        """Return a mask (S,) of structures that have a site of this atomic number."""
        found = np.logical_or.reduceat(np.asarray(self.numbers) == number, self.starts)
        return np.asarray(found[self.chosen])

    def without(self, indices: Sequence[int] | IntArray) -> TrainingStructures:
        """Return the structures without those at some indices."""
        kept = np.delete(self.chosen, np.asarray(indices, dtype=np.int64))
        return replace(self, chosen=kept)


def join_structures(parts: Sequence[TrainingStructures]) -> TrainingStructures:
    """Concatenate the structures of several sources."""
    if len(parts) == 1:
        return parts[0]
    shifts = np.cumsum([0] + [len(part.counts) for part in parts[:-1]])
    chosen = [part.chosen + shift for part, shift in zip(parts, shifts, strict=True)]
    return TrainingStructures(
        counts=np.concatenate([part.counts for part in parts]),
        numbers=np.concatenate([part.numbers for part in parts]),
        frac=np.concatenate([part.frac for part in parts]),
        cells=np.concatenate([part.cells for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        chosen=np.concatenate(chosen),
        weights=np.concatenate([part.weights for part in parts]),
    )


def check_shapes(
    counts: IntArray,
    numbers: IntArray,
    frac: FloatArray,
    cells: FloatArray,
    labels: NDArray[np.str_],
) -> None:
    """Check that arrays belong together.

    Raises
    ------
    TrainingDataError
        If they do not.
    """
    total = int(counts.sum())
    if not len(counts):
        raise TrainingDataError("it has no structures")
    for name, shape, wanted in (
        ("atomic numbers", numbers.shape, (total,)),
        ("fractional coordinates", frac.shape, (total, 3)),
        ("cells", cells.shape, (len(counts), 3, 3)),
        ("labels", labels.shape, (len(counts),)),
    ):
        if shape != wanted:
            raise TrainingDataError(
                f"the {name} have the shape {shape}, and the numbers of sites of "
                f"{len(counts)} structures (together {total}) require {wanted}"
            )


def check_structures(structures: TrainingStructures) -> None:
    """Check that each structure can be used for training.

    Raises
    ------
    TrainingDataError
        If not; the message names the first one and counts the others.
    """
    numbers, counts = np.asarray(structures.numbers), structures.counts
    _refuse(structures, counts < 1, "has no sites")
    unknown = (numbers < 1) | (numbers > HEAVIEST)
    _refuse(structures, _any(structures, unknown), f"has atomic numbers outside 1 to {HEAVIEST}")
    lost = np.asarray(~np.isfinite(structures.frac).all(axis=1))
    _refuse(structures, _any(structures, lost), "has sites without a (finite) position")
    endless = np.asarray(~np.isfinite(structures.cells).all(axis=(1, 2)))
    _refuse(structures, endless, "has a cell that is not finite")
    volumes = np.abs(np.linalg.det(structures.cells))
    _refuse(structures, volumes < SMALLEST_VOLUME * counts, "has a cell of no volume")


def _any(structures: TrainingStructures, sites: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask (F,) of structures with any of the marked sites."""
    return np.asarray(np.logical_or.reduceat(sites, structures.starts))


def _refuse(structures: TrainingStructures, broken: NDArray[np.bool_], reason: str) -> None:
    found = np.flatnonzero(broken)
    if len(found):
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise TrainingDataError(
            f"structure {found[0]}, '{structures.labels[found[0]]}',{more} {reason}: "
            "repair it or leave it out"
        )
