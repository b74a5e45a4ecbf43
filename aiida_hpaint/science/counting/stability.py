"""Stability against competing phases, and chemical potentials at which each count is stable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from aiida_hpaint.science.counting.phases import Phase


@dataclass(frozen=True)
class Stability:
    """Position of a structure relative to the hull of its competing phases.

    Attributes
    ----------
    formation_energy
        Energy relative to the elements, eV per atom.
    above_hull
        Distance to the hull of the competing phases, eV per atom; negative below it.
    decomposition
        Competing phases that the structure decomposes into, with their fractions of the atoms.
    """

    formation_energy: float
    above_hull: float
    decomposition: Mapping[str, float]


def find_reference_energy(element: str, phases: Sequence[Phase]) -> float:
    """Return the energy per atom (eV) of the lowest elemental phase.

    Raises
    ------
    ValueError
        If there is no phase of the element alone.
    """
    alone = [p for p in phases if set(p.composition) == {element}]
    if not alone:
        raise ValueError(f"no phase is {element} alone: give one, as a file with --phases")
    return min(phase.energy / sum(phase.composition.values()) for phase in alone)


def compute_stabilities(
    compositions: Mapping[int, Mapping[str, int]],
    energies: Mapping[int, float],
    phases: Sequence[Phase],
) -> dict[int, Stability]:
    """Compute the stability of each count against the competing phases alone.

    Parameters
    ----------
    compositions
        Number of atoms of each element in the cell, for each number of added sites.
    energies
        Energy of the cell in eV, for the counts that have one.
    phases
        Competing phases, with at least one of each element alone.

    Raises
    ------
    ValueError
        If there is no phase of an element alone.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    diagram = PhaseDiagram([PDEntry(Composition(p.composition), p.energy, p.name) for p in phases])
    missing = {symbol for made_of in compositions.values() for symbol in made_of}
    for symbol in sorted(missing):
        find_reference_energy(symbol, phases)
    found = {}
    for count, energy in energies.items():
        entry = PDEntry(Composition(compositions[count]), energy)
        products, above = diagram.get_decomp_and_e_above_hull(
            entry, allow_negative=True, check_stable=False
        )
        parts = {
            str(getattr(product, "name", product)): float(share)
            for product, share in (products or {}).items()
        }
        formation = float(diagram.get_form_energy_per_atom(entry))
        found[count] = Stability(formation, float(above or 0.0), parts)
    return found


@dataclass(frozen=True)
class StabilityWindow:
    """Range of chemical potentials of the element, eV per atom relative to its reference phase.

    Attributes
    ----------
    low, high
        Below `low` fewer sites are stable, above `high` more; infinite for the smallest and the
        largest count that were tried.
    """

    low: float
    high: float

    @property
    def width(self) -> float:
        """Width of the window, eV."""
        return self.high - self.low

    def overlap(self, low: float, high: float) -> float:
        """Return the fraction of a range that lies in the window; 0 or 1 if `low` is `high`."""
        if low == high:
            return float(self.low <= low < self.high)
        return max(0.0, min(high, self.high) - max(low, self.low)) / (high - low)


def find_stability_windows(
    energies: Mapping[int, float], reference: float
) -> dict[int, StabilityWindow]:
    """Return the window of each count that is stable at some chemical potential.

    At the chemical potential mu the stable count n minimises E(n) - n mu. The stable counts are
    therefore the corners of the lower convex hull of E(n), and each window extends from the slope
    of the hull to the left of its corner to the slope to the right.

    Parameters
    ----------
    energies
        E(n), the energy of the cell with n added sites, in eV.
    reference
        Energy per atom of the element's reference phase, in eV.
    """
    corners: list[int] = []
    for count in sorted(energies):
        while len(corners) > 1 and _slope(energies, corners[-2], corners[-1]) >= _slope(
            energies, corners[-1], count
        ):
            corners.pop()
        corners.append(count)
    slopes = [_slope(energies, low, high) - reference for low, high in pairwise(corners)]
    edges = [-inf, *slopes, inf]
    return {n: StabilityWindow(edges[i], edges[i + 1]) for i, n in enumerate(corners)}


def _slope(energies: Mapping[int, float], low: int, high: int) -> float:
    return (energies[high] - energies[low]) / (high - low)
