"""Sites: where a potential has room for what is missing, up to the symmetry of the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiida_hpaint.science.types import FloatArray, IntArray

NEAR_ATOM = "too close to an atom"
"""A key of `Sites.dropped`."""

NEAR_SITE = "too close to a better site"
"""A key of `Sites.dropped`."""


@dataclass(frozen=True, eq=False)
class Sites:
    """M sites of a host, the best first; whole orbits of the host's symmetry.

    Attributes
    ----------
    frac_coords : (M, 3)
        Fractional, in [0, 1).
    energies : (M,)
        Potential energy of an electron there, in eV, highest first; the same within an orbit.
        A proton prefers the highest.
    orbits : (M,) integers
        Which sites are equivalent: 0 for those of the best orbit, and so on.
    permutations : (G, M) integers
        The site that each of the operations brings each site to. Operations that the host has and
        its potential has not are left out; together they are a group.
    dropped : mapping of reason to count
        How many maxima were left out, and why: `NEAR_ATOM`, `NEAR_SITE`.
    """

    frac_coords: FloatArray
    energies: FloatArray
    orbits: IntArray
    permutations: IntArray
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.energies)
