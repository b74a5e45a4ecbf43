"""How many H an atom of C or N carries by the lengths and directions of its other bonds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_hpaint.science.structures.geometric.bonds import CONJUGATED, NONMETALS, Neighbour

SHORT, SINGLE = -0.085, -0.065
"""Lengths of bonds of C beside the sum of covalent radii, Å: conjugated ones are shorter than the
first, 1.43 for C-C, and single ones longer than the second. The bonds of methoxy are at 0.00."""

PYRAMIDAL, PLANAR = 0.45, 0.2
"""Triple product of unit vectors along three bonds: of CH at least (0.77 for a tetrahedron), and
of trigonal C at most."""

LINEAR, TRIGONAL = 0.35, (0.8, 1.3)
"""Length of the sum of two unit vectors along bonds: of C between double or triple bonds; of CH in
rings and chains, 99 to 133°."""

LIBRATED = -0.16
"""Sum of two such lengths, Å, from which CH of rings and chains cannot be told from a CH2 whose
bonds libration makes look short: -0.24 for benzene."""

CYANIDE = 1.22
"""Longest bond (Å) of the C of cyanides, nitriles and the carbonyls that a metal is bonded to."""

IMINE = 1.29
"""Longest C=N of imines, Å; C-N of amides, anilines and ureas is between this and `CONJUGATED`."""

DOUBLE = 1.38
"""Longest C-N bond (Å) of an N that is surely trigonal: 1.34 in amides, 1.40 in anilines."""

VINYL = (1.28, 1.38)
"""Å: C=C of a CH2 group."""


def count_by_bonds(number: int, neighbours: Sequence[Neighbour]) -> int | None:
    """Return how many H a C or N with these other neighbours carries; None where it is open.

    Of N only NH2 on trigonal C is clear. Of 17,600 C of molecular and framework crystals 99 % are
    decided, 99.7 % of these rightly; most others are CH2 with a bond that is too short
    (`benchmarks/geometric.py`).
    """
    covalent = [bond for bond in neighbours if bond.number in NONMETALS]
    if number == 7:
        return 2 if len(covalent) == 1 and _is_amide(covalent[0]) else None
    units = np.array([bond.direction for bond in covalent]).reshape(-1, 3)
    beside = [_compare_length(bond) for bond in covalent]
    if len(covalent) > 3:
        return None if any(bond.number == 5 for bond in covalent) else 0  # cages of carboranes
    if len(covalent) == 3:
        volume = abs(float(np.linalg.det(units)))
        return 1 if volume > PYRAMIDAL else 0 if volume < PLANAR else None
    if len(covalent) == 2:
        free = float(np.linalg.norm(units.sum(axis=0)))
        if free < LINEAR:
            return 0 if min(beside) <= SHORT else None
        if min(beside) <= SHORT and TRIGONAL[0] < free < TRIGONAL[1]:
            return 1 if sum(beside) < LIBRATED else None
        return 2 if min(beside) >= SINGLE and free > 1 else None
    if len(covalent) == 1:
        is_ligand = covalent[0].number in (7, 8) and len(neighbours) > 1
        if is_ligand and covalent[0].length <= CYANIDE:
            return 0
        if beside[0] > SINGLE:
            return 3
        is_double = covalent[0].number == 6 and VINYL[0] < covalent[0].length < VINYL[1]
        return 2 if is_double and covalent[0].is_to_trigonal else None
    return None


def count_room(neighbours: Sequence[Neighbour]) -> int:
    """Return how many H an N with these other neighbours can carry at most.

    It has four bonds at most, metals included, and three if it is trigonal: where three are in a
    plane, or a short one of two leads to C. Nitriles have none.
    """
    if any(bond.number == 6 and bond.length <= CYANIDE for bond in neighbours):
        return 0
    units = np.array([bond.direction for bond in neighbours])
    if len(neighbours) == 3 and abs(float(np.linalg.det(units))) < PLANAR:
        return 0
    if len(neighbours) == 2:
        return 1 if any(b.number == 6 and b.length <= DOUBLE for b in neighbours) else 2
    return max(0, 4 - len(neighbours))


def _compare_length(bond: Neighbour) -> float:
    """Return the length of a bond of C without the sum of covalent radii, Å."""
    from ase.data import covalent_radii

    return float(bond.length - covalent_radii[6] - covalent_radii[bond.number])


def _is_amide(bond: Neighbour) -> bool:
    """Return whether an N with this bond alone is the NH2 of an amide, an aniline or a urea."""
    return bond.number == 6 and IMINE < bond.length <= CONJUGATED and bond.is_to_trigonal
