"""The lowest arrangements found so far, one for each class of those that symmetry makes equal."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

import numpy as np

from aiida_hpaint.science.types import FloatArray, IntArray

_KEY = np.dtype(">u4")

TIE = 1e-6
"""eV, within which arrangements are equally good."""


@dataclass(frozen=True, eq=False)
class Arrangements:
    """The best choices of n among M sites, inequivalent under the symmetry of the host.

    Attributes
    ----------
    chosen : (A, n) integers
        The sites of each, ascending; the lowest arrangement first. Of equivalent ones it is the
        first in the order of their indices.
    energies : (A,)
        Of n protons in the frozen potential, with each other and with the neutralising
        background, in eV.
    exact : bool
        Whether it is proved that no other arrangement is lower than any of these by more than
        `TIE`.
    bound : float
        What no arrangement at all is below, in eV; the lowest energy where `exact`.
    """

    chosen: IntArray
    energies: FloatArray
    exact: bool
    bound: float

    def __len__(self) -> int:
        return len(self.energies)


@dataclass
class Pool:
    """The `keep` lowest inequivalent arrangements seen.

    Parameters
    ----------
    permutations : (G, M) integers
        Of a group; arrangements that they turn into each other are one.
    keep
        Arrangements to remember.
    """

    permutations: IntArray
    keep: int
    _best: list[tuple[float, bytes]] = field(default_factory=list)
    _seen: set[bytes] = field(default_factory=set)

    @property
    def limit(self) -> float:
        """The energy (eV) below which an arrangement would be news."""
        return self._best[-1][0] - TIE if len(self._best) == self.keep else np.inf

    def add(self, energies: FloatArray, sets: IntArray) -> None:
        """Look at arrangements: k energies in eV and (k, n) indices of sites."""
        for place in np.argsort(energies, kind="stable"):
            if energies[place] >= self.limit:
                return
            self._add(float(energies[place]), np.asarray(sets[place]))

    def result(self) -> tuple[FloatArray, IntArray]:
        """(A,) energies in eV and (A, n) sites, ascending, the lowest first."""
        energies = np.array([energy for energy, _ in self._best])
        chosen = [np.frombuffer(key, dtype=_KEY) for _, key in self._best]
        return energies, np.array(chosen, dtype=np.int64)

    def complement(self) -> Pool:
        """The same for what is left out of each."""
        other = Pool(self.permutations, self.keep)
        for energy, sites in zip(*self.result(), strict=True):
            rest = np.delete(np.arange(self.permutations.shape[1]), sites)
            other._add(float(energy), rest)
        return other

    def _add(self, energy: float, sites: IntArray) -> None:
        if _keys(sites[None])[0] in self._seen:
            return
        images = _keys(self.permutations[:, sites])
        self._seen.update(images)
        insort(self._best, (energy, min(images)))
        del self._best[self.keep :]


def _keys(sets: IntArray) -> list[bytes]:
    """Sets (k, n) as bytes that sort as their ascending indices do."""
    ascending = np.ascontiguousarray(np.sort(sets, axis=1), dtype=_KEY)
    keys: list[bytes] = ascending.view(f"V{ascending.itemsize * sets.shape[1]}").ravel().tolist()
    return keys
