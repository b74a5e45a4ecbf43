"""Directions of the bonds to H of one atom that follow from its other bonds.

They are those of riding H in refinements (Sheldrick, Acta Cryst. C71, 3 (2015)): tetrahedral
or trigonal, as the other bonds of the atom have it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.geometric.bonds import Neighbour
from aiida_hpaint.science.types import FloatArray

TETRAHEDRAL = np.arccos(-1 / 3)
"""Angle between two of four bonds, rad."""

TRIPLE = 1.25
"""Longest bond (Å) of a C that has one other neighbour besides H."""

PYRAMIDAL = 0.4
"""Least triple product of unit vectors along three bonds that leave room for a fourth one."""

BENT = 0.5
"""Least length of the sum of two unit vectors that leave room for a third bond between them; 1 for
120°, 0.5 for 151°."""

CAGE = 1.5
"""Least length of the sum of four or more unit vectors on one side of the C of a carborane:
2.6 for a corner of an icosahedron, 0 for a tetrahedron."""

ATTEMPTS = 8
"""Rotations about an axis that are compared for each group."""


@dataclass(frozen=True)
class Directions:
    """Directions of the bonds of one atom to its H, Cartesian unit vectors.

    Attributes
    ----------
    choices : (a, n, 3)
        One or several equally good sets of directions.
    axis : (3,) or None
        Axis about which they turn, as in a methyl group.
    is_free
        Whether nothing says how far they are turned about it.
    """

    choices: FloatArray
    axis: FloatArray | None = None
    is_free: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose."""
        return self.axis is None and len(self.choices) == 1

    def draw(self, rng: np.random.Generator, turned: bool = False) -> FloatArray:
        """Draw one set of directions or some (a, n, 3) to compare.

        These are turns about an axis and, without one, all sets in random order.

        Parameters
        ----------
        turned
            Whether all that have an axis turn freely.
        """
        if self.axis is None:
            return self.choices[rng.permutation(len(self.choices))]
        if not (self.is_free or turned):
            return self.choices[None, int(rng.integers(len(self.choices)))]
        from scipy.spatial.transform import Rotation

        angles = 2 * np.pi * rng.random(ATTEMPTS)
        turns = Rotation.from_rotvec(angles[:, None] * self.axis).as_matrix()
        return np.asarray(np.einsum("aij,nj->ani", turns, self.choices[0]))


def find_directions(number: int, bonds: list[Neighbour], count: int) -> Directions | None:
    """Find the directions in which an atom carries H.

    Parameters
    ----------
    number
        Atomic number of the atom, 6 or 7.
    bonds
        Its bonds to other atoms than these H.
    count
        How many H it carries.

    Returns
    -------
    Directions, or None where the bonds do not determine them.
    """
    units = np.array([bond.direction for bond in bonds]).reshape(-1, 3)
    free = -units.sum(axis=0)
    in_cage = len(bonds) > 3 and sum(bond.number == 5 for bond in bonds) > 2
    if in_cage and count == 1 and np.linalg.norm(free) > CAGE:
        return Directions(_normalise(free)[None, None])
    if not bonds or not 3 <= len(bonds) + count <= 4:
        return _make_linear(number, bonds) if (len(bonds), count) == (1, 1) else None
    if len(bonds) == 1:
        return _make_end(bonds[0], count, is_nitrogen=number == 7)
    if len(bonds) == 3:
        return _make_top(units)
    # Atoms of two orientations that overlap are in one direction.
    if np.linalg.norm(free) < BENT or np.linalg.norm(np.cross(*units)) < BENT:
        return None
    if count == 2:
        return _make_pair(units)
    if number == 6 or any(bond.is_conjugated for bond in bonds):
        return Directions(_normalise(free)[None, None])
    # The lone pair of an amine and its H may change places.
    return Directions(_make_pair(units).choices[0][:, None])


def _make_linear(number: int, bonds: list[Neighbour]) -> Directions | None:
    """Return the direction of the H of an alkyne or of hydrogen cyanide."""
    is_triple = number == 6 and bonds[0].length <= TRIPLE
    return Directions(-bonds[0].direction[None, None]) if is_triple else None


def _make_end(bond: Neighbour, count: int, is_nitrogen: bool) -> Directions | None:
    """Return the directions of two or three H of an atom with one other bond."""
    axis = -bond.direction
    if count == 3:
        return _make_turning(bond, [[0, 1, 2]])
    if not bond.is_conjugated or len(bond.beyond) > 2:
        # The lone pair of an amine is in the place of one of three H.
        return _make_turning(bond, [[0, 1], [1, 2], [2, 0]]) if is_nitrogen else None
    if not bond.is_to_trigonal:
        return None
    across = bond.beyond[0] - bond.beyond[1:].sum(axis=0)
    across = _normalise(across - (across @ axis) * axis)
    sides = np.array([1, -1])[:, None] * np.sin(np.pi / 3) * across
    return Directions((np.cos(np.pi / 3) * axis + sides)[None])


def _make_turning(bond: Neighbour, members: list[list[int]]) -> Directions:
    """Return the directions of H that turn about the bond to a neighbour.

    They are staggered: one is opposite to a bond of the neighbour. Beside a trigonal neighbour, one
    is on the side of either of its bonds, in their plane, as in acetates.

    Parameters
    ----------
    members
        Which of three H each choice has.
    """
    axis, beyond = -bond.direction, bond.beyond
    if not len(beyond) or np.linalg.norm(np.cross(beyond[0], axis)) < BENT:
        cone = _make_cone(axis, np.pi - TETRAHEDRAL, 3)
        return Directions(np.array([cone[chosen] for chosen in members]), axis, is_free=True)
    is_trigonal = len(beyond) == 2 and bond.is_to_trigonal
    across = [side - (side @ axis) * axis for side in (beyond if is_trigonal else -beyond[:1])]
    cones = [_make_cone(axis, np.pi - TETRAHEDRAL, 3, _normalise(side)) for side in across]
    return Directions(np.array([cone[chosen] for cone in cones for chosen in members]), axis)


def _make_top(units: FloatArray) -> Directions | None:
    """Return the direction of the H of an atom with three other bonds, at equal angles to them."""
    if abs(np.linalg.det(units)) < PYRAMIDAL:
        return None
    normal = _normalise(np.cross(units[1] - units[0], units[2] - units[0]))
    return Directions(-np.sign(normal @ units.sum(axis=0)) * normal[None, None])


def _make_pair(units: FloatArray) -> Directions:
    """Return the directions of two H of an atom with two other bonds, as in CH2."""
    middle = _normalise(-units.sum(axis=0))
    normal = _normalise(np.cross(units[0], units[1]))
    sides = np.array([1, -1])[:, None] * np.sin(TETRAHEDRAL / 2) * normal
    return Directions((np.cos(TETRAHEDRAL / 2) * middle + sides)[None])


def _make_cone(
    axis: FloatArray, angle: float, count: int, first: FloatArray | None = None
) -> FloatArray:
    """Return (count, 3) unit vectors at an angle (rad) from an axis, evenly about it.

    The first is on the side of `first`, a unit vector perpendicular to the axis.
    """
    if first is None:
        first = _normalise(np.cross(axis, np.eye(3)[np.abs(axis).argmin()]))
    second = np.cross(axis, first)
    turns = 2 * np.pi * np.arange(count)[:, None] / count
    around = np.cos(turns) * first + np.sin(turns) * second
    return np.asarray(np.cos(angle) * axis + np.sin(angle) * around)


def _normalise(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))
