"""The most plausible ordered arrangements of a disordered cell."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from aiida_hpaint.science.structures.disorder.energies import (
    MOST_POSITIONS,
    find_interactions,
    guess_charges,
)
from aiida_hpaint.science.structures.disorder.fragments import FragmentImages, is_full
from aiida_hpaint.science.structures.disorder.hydrogen import (
    choose_hydrogens,
    keep_hydrogens,
)
from aiida_hpaint.science.structures.disorder.images import Images, is_hydrogen
from aiida_hpaint.science.structures.disorder.linked import group_linked
from aiida_hpaint.science.structures.disorder.majority import find_competing
from aiida_hpaint.science.structures.disorder.selection import select
from aiida_hpaint.science.types import FloatArray, IntArray

DRAWS, FEW_DRAWS = 60, 20
"""Numbers of arrangements that are drawn, with few and with many alternatives."""

_MANY = 100  # images of fragments from which on solving takes a tenth of a second
_IMPROVEMENTS = 4
_ENOUGH = 12  # draws without anything new
_SEED = 0
_SAME_ENERGY = 1e-6
_ROUNDING = 0.02  # of occupancies, times their number in the cell


@dataclass(frozen=True)
class Arrangement:
    """One ordered arrangement.

    Attributes
    ----------
    fragments
        Its images of fragments.
    atoms
        Its images of sites, hydrogen included.
    energy
        Above the lowest one: electrostatic, in eV, or of contacts, in arbitrary units.
    is_electrostatic
        Which of the two.
    """

    fragments: IntArray
    atoms: IntArray
    energy: float
    is_electrostatic: bool


def find_arrangements(images: Images, fragments: FragmentImages, count: int) -> list[Arrangement]:
    """Find up to `count` arrangements that symmetry does not map onto each other, best first.

    The contents of the cell are as near to the occupancies as whole numbers allow. Arrangements
    are drawn at random and improved by swaps, with a fixed seed, so that all are found where
    there are few and good ones where there are many.

    Parameters
    ----------
    images : Images
        Of the disordered record.
    fragments : FragmentImages
        Its fragments.
    count : int
        Number of arrangements.
    """
    random = np.random.default_rng(_SEED)
    charges = guess_charges(images) if len(images.owners) <= MOST_POSITIONS else None
    energies = find_interactions(images, charges)
    sampler = _Sampler.of(images, fragments, energies)
    found: dict[tuple[int, ...], Arrangement] = {}
    since_new = 0
    for _ in range(FEW_DRAWS if len(fragments.owners) > _MANY else DRAWS):
        if since_new > _ENOUGH:
            break
        chosen = sampler.draw(random)
        kept = sampler.full | {atom for image in chosen for atom in fragments.atoms[image]}
        occupancies = {**dict.fromkeys(kept, 1.0), **keep_hydrogens(images, kept)}
        atoms = choose_hydrogens(images, occupancies, random.random(len(images.owners)))
        key = min(tuple(sorted(row[atoms].tolist())) for row in images.moved)
        energy = float(energies[np.ix_(atoms, atoms)].sum())
        since_new = since_new + 1 if key in found else 0
        found.setdefault(key, Arrangement(chosen, atoms, energy, charges is not None))
    ranked = sorted(found.values(), key=lambda each: each.energy)
    lowest = ranked[0].energy
    return [replace(each, energy=each.energy - lowest) for each in ranked[:count]]


def find_quotas(fragments: FragmentImages) -> list[tuple[list[int], int]]:
    """Return how many images of each kind of fragments the cell holds.

    Fragments of the same elements and occupancy are one kind. The occupancies are made whole
    numbers; where kinds exclude each other, what rounding leaves goes to the largest remainders.
    """
    kinds: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, fragment in enumerate(fragments.fragments):
        kinds[fragment.symbols, round(fragment.occupancy, 2)].append(index)
    members = list(kinds.values())
    images = np.bincount(fragments.owners, minlength=len(fragments.fragments))
    exact = [
        float(sum(images[f] * fragments.fragments[f].occupancy for f in each)) for each in members
    ]
    quotas = [int(np.floor(total + _ROUNDING)) for total in exact]
    for part in _connect_kinds(members, find_competing(fragments)):
        left = int(np.floor(sum(exact[k] for k in part) + 0.5)) - sum(quotas[k] for k in part)
        for k in sorted(part, key=lambda k: quotas[k] - exact[k])[: max(0, left)]:
            quotas[k] += 1
    return list(zip(members, quotas, strict=True))


def _connect_kinds(members: list[list[int]], competing: list[list[int]]) -> list[list[int]]:
    kind = {fragment: k for k, each in enumerate(members) for fragment in each}
    links = [(kind[part[0]], kind[f]) for part in competing for f in part]
    return group_linked(len(members), links)


@dataclass(frozen=True, eq=False)
class _Sampler:
    """What drawing arrangements of fragments needs."""

    fragments: FragmentImages
    full: set[int]
    field: FloatArray
    pairs: FloatArray
    capacities: list[tuple[dict[int, float], float]]

    @classmethod
    def of(cls, images: Images, fragments: FragmentImages, energies: FloatArray) -> _Sampler:
        full = {
            atom
            for atom in range(len(images.owners))
            if is_full(images.site(atom)) and not is_hydrogen(images.site(atom))
        }
        members = np.zeros((len(fragments.atoms), len(images.owners)))
        for image, atoms in enumerate(fragments.atoms):
            members[image, sorted(atoms)] = 1.0
        present = np.zeros(len(images.owners))
        present[sorted(full)] = 1.0
        pairs = members @ energies @ members.T
        own = [np.flatnonzero(fragments.owners == f) for f in range(len(fragments.fragments))]
        capacities: list[tuple[dict[int, float], float]] = []
        for kind, quota in find_quotas(fragments):
            every = {int(image): 1.0 for f in kind for image in own[f]}
            capacities.append((every, float(quota)))
            for f in kind if len(kind) > 1 else []:
                most = float(np.ceil(len(own[f]) * fragments.fragments[f].occupancy - _ROUNDING))
                capacities.append(({int(image): 1.0 for image in own[f]}, most))
        return cls(fragments, full, 2 * members @ energies @ present, pairs, capacities)

    def draw(self, random: np.random.Generator) -> IntArray:
        """Draw an arrangement, and improve it while its own field finds a better one."""
        size = len(self.fragments.owners)
        best = self._select(random.random(size))
        energy = self._energy(best)
        for _ in range(_IMPROVEMENTS if size else 0):
            field = self.field + 2 * self.pairs[:, best].sum(axis=1)
            spread = float(np.ptp(field)) or 1.0
            trial = self._select((field.max() - field) / spread + 0.3 * random.random(size))
            if len(trial) < len(best) or self._energy(trial) >= energy - _SAME_ENERGY:
                continue
            best, energy = trial, self._energy(trial)
        return best

    def _select(self, preferences: FloatArray) -> IntArray:
        """Choose as many images as the quotas allow, the preferred ones among equals."""
        weights = 1 + preferences / (1 + len(preferences))
        weights[sorted(self.fragments.blocked)] = 0.0
        chosen: IntArray = select(weights, self.fragments.exclusions, self.capacities)
        return chosen[weights[chosen] > 0]

    def _energy(self, chosen: IntArray) -> float:
        return float(self.field[chosen].sum() + self.pairs[np.ix_(chosen, chosen)].sum())
