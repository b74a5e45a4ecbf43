"""Duplicates among the samples of a host, up to the symmetry of the host."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.evaluation.equivalence import find_host_symmetry
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import is_same_cell
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS, SymmetryOperations
from aiida_hpaint.science.types import FloatArray, IntArray

SAME_STRAIN = 0.02
"""Largest relative difference of lengths of cells that changed, up to which they are the same."""

_LARGEST_BLOCK = 500_000
"""Largest number of distances that are computed at once."""


def find_duplicates(
    samples: StructureBatch, members: NDArray[np.intp], tolerance: float
) -> list[int]:
    """Find members of one host that agree with an earlier member; see `find_repeated`."""
    return list(find_repeated(samples, members, tolerance))


def find_repeated(
    samples: StructureBatch, members: NDArray[np.intp], tolerance: float
) -> dict[int, int]:
    """Return which earlier member of one host each member agrees with, within a tolerance (Å).

    Two samples agree if, for the operation of the host and the assignment of sites that make the
    sum of squared distances between their inserted sites smallest, no distance reaches the
    tolerance, and if their cells are the same but for strains of `SAME_STRAIN`. A member is
    compared with those before it that repeat none themselves; members that repeat none are left
    out.
    """
    if len(members) < 2:
        return {}
    groups = group_by_cell(samples, members)
    if len(groups) > 1:
        return {
            k: v for group in groups for k, v in find_repeated(samples, group, tolerance).items()
        }
    first = samples[int(members[0])]
    symmetry, numbers = find_host_symmetry(first), first.numbers[first.inserted]
    kept: list[FloatArray] = []
    kept_indices: list[int] = []
    found: dict[int, int] = {}
    for index in members.tolist():
        sites = samples.sites(index)
        frac = samples.frac_coords[sites][samples.inserted[sites]]
        place = _find_same(symmetry, numbers, kept, frac, tolerance)
        if place is None:
            kept.append(frac)
            kept_indices.append(index)
        else:
            found[index] = kept_indices[place]
    return found


def group_by_cell(samples: StructureBatch, members: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Group members by their cells, each with the first one that its cell is the same as."""
    groups: list[list[int]] = []
    for index in members.tolist():
        for group in groups:
            if is_same_cell(samples.cells[group[0]], samples.cells[index], SAME_STRAIN):
                group.append(index)
                break
        else:
            groups.append([index])
    return [np.array(group, dtype=np.intp) for group in groups]


def _find_same(
    symmetry: SymmetryOperations,
    numbers: IntArray,
    others: list[FloatArray],
    frac: FloatArray,
    tolerance: float,
) -> int | None:
    """Return the first of others that an arrangement (m, 3) agrees with within a tolerance (Å).

    The sum of squared distances of an arrangement within the tolerance is below m tolerance², and
    so is that of any better one: operations for which the distances to the closest sites sum up
    to more are left out before sites are assigned to each other, which changes nothing.
    """
    if not others or not len(frac):
        return 0 if others else None
    images = np.concatenate([frac[None], symmetry.images(frac)])
    size = max(1, _LARGEST_BLOCK // (len(images) * len(frac)))
    for start in range(0, len(others), size):
        block = np.stack(others[start : start + size])
        for place, squared in _yield_close_operations(
            symmetry.cell, numbers, block, images, tolerance
        ):
            if _find_largest_distance(squared) < tolerance:
                return start + place
    return None


def _yield_close_operations(
    cell: FloatArray, numbers: IntArray, others: FloatArray, images: FloatArray, tolerance: float
) -> Iterator[tuple[int, FloatArray]]:
    """Yield which of (K, m, 3) others may agree, and (operations, m, m) squared distances."""
    limit = len(numbers) * tolerance**2
    wide = 2 * np.sqrt(limit) < 1 / np.linalg.norm(np.linalg.inv(cell), axis=0).max()
    place, operation = np.indices((len(others), len(images))).reshape(2, -1)
    least = np.zeros(len(place))
    for site in range(len(numbers)):
        partners = np.flatnonzero(numbers == numbers[site])
        shifts = images[operation, site][:, None] - others[place][:, partners]
        least += _square_shortest(cell, shifts, wide).min(axis=1)
        near = least < limit
        place, operation, least = place[near], operation[near], least[near]
    different = np.where(numbers[:, None] == numbers[None], 0.0, 1e6)
    for other in np.unique(place):
        chosen = images[operation[place == other]]
        shifts = chosen[:, None] - others[other][None, :, None]
        yield int(other), _square_shortest(cell, shifts, wide) + different


def _find_largest_distance(squared: FloatArray) -> float:
    """Return the largest distance in the best assignment of the best operation, Å."""
    from scipy.optimize import linear_sum_assignment  # here: 0.2 s that few hosts need

    # Lower bounds of each operation's best sum, tried in ascending order.
    least = np.maximum(squared.min(axis=1).sum(axis=1), squared.min(axis=2).sum(axis=1))
    best, largest = np.inf, np.inf
    for place in np.argsort(least, kind="stable"):
        if least[place] >= best:
            break
        rows, columns = linear_sum_assignment(squared[place])
        pairs = squared[place][rows, columns]
        if pairs.sum() < best:
            best, largest = pairs.sum(), float(np.sqrt(pairs.max()))
    return largest


def _square_shortest(cell: FloatArray, shifts: FloatArray, wide: bool) -> FloatArray:
    """Return the squared length in Å² of the shortest image of fractional shifts (..., 3).

    In a `wide` cell rounding alone finds the shortest image of every shift that matters here:
    those shorter than half the smallest distance between two lattice planes.
    """
    wrapped = shifts - np.round(shifts)
    if wide:
        return np.asarray(((wrapped @ cell) ** 2).sum(-1))
    return np.asarray((((wrapped[..., None, :] + NEIGHBOURS) @ cell) ** 2).sum(-1).min(-1))


def compute_least_rms(
    symmetry: SymmetryOperations,
    numbers: IntArray,
    left: FloatArray,
    right: FloatArray,
    limit: float,
) -> float:
    """Return the root mean square distance of two arrangements (m, 3) at their closest, Å.

    It is that of the operation of the host and the assignment of sites that make it smallest, or
    infinity where that is not below the limit (Å).
    """
    from scipy.optimize import linear_sum_assignment

    most = len(numbers) * limit**2
    wide = 2 * np.sqrt(most) < 1 / np.linalg.norm(np.linalg.inv(symmetry.cell), axis=0).max()
    images = np.concatenate([right[None], symmetry.images(right)])
    squared = _square_shortest(symmetry.cell, left[None, :, None] - images[:, None], wide)
    squared += np.where(numbers[:, None] == numbers[None], 0.0, 1e6)
    least = np.maximum(squared.min(axis=1).sum(axis=1), squared.min(axis=2).sum(axis=1))
    best = most
    for place in np.argsort(least, kind="stable"):
        if least[place] >= best:
            break
        best = min(best, float(squared[place][linear_sum_assignment(squared[place])].sum()))
    return float(np.sqrt(best / len(numbers))) if best < most else np.inf
