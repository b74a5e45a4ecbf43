"""The lowest arrangements found so far, one of each set that symmetry makes equivalent."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

import numpy as np

from aiida_hpaint.science.types import FloatArray, IntArray

_KEY = np.dtype(">u4")
"""Big-endian, so that the bytes of two sets compare as their indices do."""

TIE = 1e-6
"""Difference in energy (eV) below which arrangements are equally good."""


@dataclass(frozen=True, eq=False)
class Arrangements:
    """The best choices of n among M sites, inequivalent under the symmetry of the host.

    Attributes
    ----------
    chosen : (A, n) integers
        Ascending indices of the sites of each arrangement; the lowest arrangement first. Of
        equivalent arrangements it is the first in lexicographic order.
    energies : (A,)
        Energy of n protons in the frozen potential, with each other and with the neutralising
        background, in eV.
    exact : bool
        Whether it is proved that no other arrangement is lower than any of these by more than
        `TIE`.
    bound : float
        Lower bound of all arrangements, in eV; the lowest energy if `exact`.
    """

    chosen: IntArray
    energies: FloatArray
    exact: bool
    bound: float

    def __len__(self) -> int:
        return len(self.energies)


@dataclass
class SolutionPool:
    """The `keep` lowest inequivalent arrangements found so far.

    Parameters
    ----------
    permutations : (G, M) integers
        Group of permutations of the sites; arrangements that they map onto each other are one.
    keep
        Number of arrangements to retain.
    """

    permutations: IntArray
    keep: int
    _best: list[tuple[float, bytes]] = field(default_factory=list)
    _seen: set[bytes] = field(default_factory=set)

    @property
    def limit(self) -> float:
        """Energy (eV) below which a new arrangement would enter the pool."""
        return self._best[-1][0] - TIE if len(self._best) == self.keep else np.inf

    def add(self, energies: FloatArray, sets: IntArray) -> None:
        """Offer k arrangements: their energies in eV and the (k, n) indices of their sites."""
        for place in np.argsort(energies, kind="stable"):
            if energies[place] >= self.limit:
                return
            self._add(float(energies[place]), np.asarray(sets[place]))

    def result(self) -> tuple[FloatArray, IntArray]:
        """Return (A,) energies in eV and (A, n) ascending sites, the lowest first."""
        energies = np.array([energy for energy, _ in self._best])
        chosen = [np.frombuffer(key, dtype=_KEY) for _, key in self._best]
        return energies, np.array(chosen, dtype=np.int64)

    def complement(self) -> SolutionPool:
        """Return the pool of the sites that each arrangement leaves empty."""
        other = SolutionPool(self.permutations, self.keep)
        for energy, sites in zip(*self.result(), strict=True):
            rest = np.delete(np.arange(self.permutations.shape[1]), sites)
            other._add(float(energy), rest)
        return other

    def _add(self, energy: float, sites: IntArray) -> None:
        if _encode(sites[None])[0] in self._seen:
            return
        images = _encode(self.permutations[:, sites])
        self._seen.update(images)
        insort(self._best, (energy, min(images)))
        del self._best[self.keep :]


def _encode(sets: IntArray) -> list[bytes]:
    """Encode sets (k, n) as bytes that sort as their ascending indices do."""
    ascending = np.ascontiguousarray(np.sort(sets, axis=1), dtype=_KEY)
    keys: list[bytes] = ascending.view(f"V{ascending.itemsize * sets.shape[1]}").ravel().tolist()
    return keys
