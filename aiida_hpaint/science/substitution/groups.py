"""Groups of atoms that replace one atom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.structures.elements import get_atomic_number
from aiida_hpaint.science.types import FloatArray

_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)

GROUPS: dict[str, tuple[tuple[str, ...], FloatArray]] = {
    "OH": (("O", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.98]])),
    "NH4": (("N", "H", "H", "H", "H"), np.vstack([np.zeros((1, 3)), 1.03 * _TETRAHEDRON])),
    "NH2": (
        ("N", "H", "H"),
        np.array([[0.0, 0.0, 0.0], [0.82, 0.0, 0.62], [-0.82, 0.0, 0.62]]),
    ),
    "BH4": (("B", "H", "H", "H", "H"), np.vstack([np.zeros((1, 3)), 1.22 * _TETRAHEDRON])),
}
"""Elements and positions (Å) of each group. The first atom takes the site, z points away from its
neighbours. Bond lengths are those of neutron diffraction (hydroxides, ammonium salts, amides,
borohydrides)."""


def get_group_atoms(name: str) -> tuple[NDArray[np.int64], FloatArray]:
    """Return atomic numbers (m,) and positions (m, 3), Å, of a group or of an element."""
    symbols, positions = GROUPS.get(name, ((name,), np.zeros((1, 3))))
    return np.array([get_atomic_number(symbol) for symbol in symbols], dtype=np.int64), positions


def random_rotation_to(direction: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a rotation (3, 3) that turns z to a direction: `positions @ rotation.T`.

    The angle about the direction is random. A direction of zero stands for a random one.
    """
    axis = direction if np.linalg.norm(direction) > 1e-3 else rng.normal(size=3)
    z = axis / np.linalg.norm(axis)
    x = np.cross(rng.normal(size=3), z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)
