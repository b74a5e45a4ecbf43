"""Prototype labels: what two crystals share that differ in cell lengths and free coordinates alone.

As in AFLOW (Mehl et al., Comput. Mater. Sci. 136, S1 (2017)): stoichiometry, Pearson symbol, space
group, and the Wyckoff letters of each element, elements in alphabetical order. The letters depend
on where the origin of the standard setting is put and on how axes are named; of all choices that
leave the space group as it is, the alphabetically first is taken.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Element

from aiida_hpaint.science.types import FloatArray, IntArray

SYMPREC = 0.1
"""Å within which symmetry is looked for, as is usual for computed structures."""

_FAMILIES = ((2, "a"), (15, "m"), (74, "o"), (142, "t"), (194, "h"), (230, "c"))
_SHIFTS = np.array([0.0, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 5 / 6, 7 / 8])
"""Components of the translations that normalise a space group of finite normaliser."""


@dataclass(frozen=True)
class StandardCrystal:
    """A crystal in the conventional cell of its space group.

    Attributes
    ----------
    number, symbol, hall : of the space group, the last as spglib counts its settings.
    cell : (3, 3) lattice vectors as rows, Å.
    frac : (n, 3) fractional coordinates.
    numbers : (n,) atomic numbers.
    """

    number: int
    symbol: str
    hall: int
    cell: FloatArray
    frac: FloatArray
    numbers: IntArray


def prototype_label(numbers: IntArray, frac: FloatArray, cell: FloatArray) -> str | None:
    """Label like `A2B_tP6_136_f_a:O-Ti`, the elements after the colon; None without symmetry.

    Parameters
    ----------
    numbers : (n,) atomic numbers.
    frac : (n, 3) fractional coordinates.
    cell : (3, 3) lattice vectors as rows, Å.
    """
    standard = standardise(numbers, frac, cell)
    if standard is None:
        return None
    elements = sorted({Element.from_Z(int(number)).symbol for number in standard.numbers})
    wyckoff = min(wyckoff_labels(standard, elements))
    pearson = _pearson(standard)
    system = "-".join(elements)
    return f"{_stoichiometry(standard, elements)}_{pearson}_{standard.number}_{wyckoff}:{system}"


def standardise(numbers: IntArray, frac: FloatArray, cell: FloatArray) -> StandardCrystal | None:
    """Return the crystal in the conventional cell of spglib; None where it finds none."""
    # spglib takes arrays, whatever its annotations say
    crystal: Any = (cell, frac, numbers)
    found: Any = spglib.standardize_cell(crystal, symprec=SYMPREC)
    dataset = found and _dataset(*found)
    if not dataset:
        return None
    return StandardCrystal(
        number=int(dataset.number),
        symbol=str(dataset.international),
        hall=int(dataset.hall_number),
        cell=np.asarray(found[0]),
        frac=np.asarray(found[1]),
        numbers=np.asarray(found[2], dtype=np.int64),
    )


def _dataset(cell: FloatArray, frac: FloatArray, numbers: IntArray) -> Any:
    crystal: Any = (cell, frac, numbers)
    return spglib.get_symmetry_dataset(crystal, symprec=SYMPREC)


def wyckoff_labels(crystal: StandardCrystal, elements: list[str]) -> set[str]:
    """Return the letters of each element, like `f_2ab`, for every choice of origin and axes."""
    owners = np.array([Element.from_Z(int(number)).symbol for number in crystal.numbers])
    return {
        "_".join(
            _letters(letters[owners == element], orbits[owners == element]) for element in elements
        )
        for letters, orbits in _settings(crystal)
    }


def _settings(crystal: StandardCrystal) -> Iterator[tuple[NDArray[np.str_], IntArray]]:
    """Letters and orbits of all sites, for every choice of origin and axes."""
    for matrix, shift in normaliser(crystal.hall, _family(crystal.number)):
        dataset = _dataset(crystal.cell, crystal.frac @ matrix.T + shift, crystal.numbers)
        if dataset and dataset.number == crystal.number:
            yield np.array(dataset.wyckoffs), np.asarray(dataset.equivalent_atoms)


def _letters(letters: NDArray[np.str_], orbits: IntArray) -> str:
    _, first = np.unique(orbits, return_index=True)
    counts = Counter(letters[first])
    return "".join(
        f"{count if count > 1 else ''}{letter}" for letter, count in sorted(counts.items())
    )


@lru_cache(maxsize=64)
def normaliser(hall: int, family: str) -> tuple[tuple[IntArray, FloatArray], ...]:
    """Return maps x -> M x + t of fractional coordinates that leave a space group as it is.

    One of each class of maps that differ by an operation of the group, or by a translation along
    an axis that all its operations share.

    Parameters
    ----------
    hall : setting of the space group, as spglib counts them.
    family : crystal family, the first letter of a Pearson symbol.
    """
    group: Any = spglib.get_symmetry_from_database(hall)
    rotations = np.asarray(group["rotations"], dtype=np.int64)
    translations = np.asarray(group["translations"], dtype=np.float64)
    pure = translations[(rotations == np.eye(3)).all((1, 2))]
    shifts = _shifts(rotations, pure)
    return tuple(
        (matrix, shift)
        for matrix in _matrices(rotations, _candidates(family) if len(rotations) > 1 else ())
        for shift in shifts[_normalises(rotations, translations, pure, matrix, shifts)]
    )


def _matrices(rotations: IntArray, candidates: Iterable[IntArray]) -> list[IntArray]:
    """Return changes of axes that keep the point group, one of each of its cosets."""
    point_group = {rotation.tobytes() for rotation in rotations}
    found: list[IntArray] = []
    seen: set[bytes] = set()
    for matrix in (np.eye(3, dtype=np.int64), *candidates):
        inverse = np.rint(np.linalg.inv(matrix)).astype(np.int64)
        kept = all((matrix @ w @ inverse).tobytes() in point_group for w in rotations)
        if kept and matrix.tobytes() not in seen:
            seen.update((w @ matrix).tobytes() for w in rotations)
            found.append(matrix)
    return found


@lru_cache(maxsize=8)
def _candidates(family: str) -> tuple[IntArray, ...]:
    """Return the changes of axes that cells of a crystal family allow."""
    if family in "otc":
        return tuple(
            np.eye(3, dtype=np.int64)[list(order)] * np.array(signs)[:, None]
            for order in itertools.permutations(range(3))
            for signs in itertools.product((1, -1), repeat=3)
        )
    entries = (-1, 0, 1) if family == "h" else (0, 1)
    matrices = (np.array(v).reshape(3, 3) for v in itertools.product(entries, repeat=9))
    return tuple(
        matrix
        for matrix in matrices
        if abs(round(np.linalg.det(matrix))) == 1 and _keeps_axis(matrix, family)
    )


def _keeps_axis(matrix: IntArray, family: str) -> bool:
    """Whether the unique axis of monoclinic (b) and hexagonal (c) cells stays."""
    if family == "a":
        return True
    axis = 1 if family == "m" else 2
    others = np.delete(np.arange(3), axis)
    alone = not matrix[axis, others].any() and not matrix[others, axis].any()
    metric = np.array([[2, -1], [-1, 2]])
    block = matrix[np.ix_(others, others)]
    return alone and (family == "m" or bool((block @ metric @ block.T == metric).all()))


def _shifts(rotations: IntArray, pure: FloatArray) -> FloatArray:
    """Return translations to try, one of each class; none along axes that the group leaves free."""
    free = [(rotations[:, :, axis] == np.eye(3)[axis]).all() for axis in range(3)]
    axes = [np.zeros(1) if is_free else _SHIFTS for is_free in free]
    shifts = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    classes = np.round(24 * (shifts[:, None] + pure)).astype(np.int64) % 24
    keys = (classes @ np.array([576, 24, 1])).min(1)
    return np.asarray(shifts[np.unique(keys, return_index=True)[1]])


def _normalises(
    rotations: IntArray,
    translations: FloatArray,
    pure: FloatArray,
    matrix: IntArray,
    shifts: FloatArray,
) -> NDArray[np.bool_]:
    """(K,) whether x -> M x + t maps the group onto itself, for translations (K, 3)."""
    inverse = np.rint(np.linalg.inv(matrix)).astype(np.int64)
    kept = np.ones(len(shifts), dtype=bool)
    known = {w.tobytes(): t for w, t in zip(rotations, translations, strict=True)}
    for rotation, translation in zip(rotations, translations, strict=True):
        turned = matrix @ rotation @ inverse
        moved = matrix @ translation + shifts - shifts @ turned.T
        apart = (moved - known[turned.tobytes()])[:, None] - pure
        kept &= (np.abs(apart - np.round(apart)).max(-1) < 1e-3).any(1)
    return kept


def _pearson(crystal: StandardCrystal) -> str:
    """Pearson symbol; of rhombohedral crystals with the sites of the rhombohedral cell."""
    centring = crystal.symbol[0]
    centring = "C" if centring in "AB" else centring
    sites = len(crystal.numbers) // (3 if centring == "R" else 1)
    return f"{_family(crystal.number)}{centring}{sites}"


def _family(number: int) -> str:
    return next(letter for last, letter in _FAMILIES if number <= last)


def _stoichiometry(crystal: StandardCrystal, elements: list[str]) -> str:
    counts = Counter(Element.from_Z(int(number)).symbol for number in crystal.numbers)
    divisor = gcd(*counts.values())
    ratios = [counts[element] // divisor for element in elements]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join(
        f"{letter}{ratio if ratio > 1 else ''}"
        for letter, ratio in zip(letters, ratios, strict=False)
    )
