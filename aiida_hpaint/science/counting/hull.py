"""The convex hull of competing phases: formation energies, distances to the hull, decomposition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiida_hpaint.science.counting.phases import Phase


@dataclass(frozen=True)
class Stability:
    """Where a structure lies among its competing phases.

    Attributes
    ----------
    formation_energy
        From the elements, eV per atom.
    above_hull
        Above the hull of the competing phases, eV per atom; negative below it.
    decomposition
        Phases into which it decomposes, with the fraction of the atoms that each one takes.
    """

    formation_energy: float
    above_hull: float
    decomposition: Mapping[str, float]


def reference_energy(element: str, phases: Sequence[Phase]) -> float:
    """Energy per atom (eV) of the lowest phase of an element alone.

    Raises
    ------
    ValueError
        If there is none.
    """
    alone = [p for p in phases if set(p.composition) == {element}]
    if not alone:
        raise ValueError(f"no phase is {element} alone: give one, as a file with --phases")
    return min(phase.energy / sum(phase.composition.values()) for phase in alone)


def stabilities(
    compositions: Mapping[int, Mapping[str, int]],
    energies: Mapping[int, float],
    phases: Sequence[Phase],
) -> dict[int, Stability]:
    """How stable each number of sites is against the competing phases, which it is none of.

    Parameters
    ----------
    compositions
        Sites of the cell by element, for each number of added sites.
    energies
        Of the cell in eV, for the numbers that have one.
    phases
        With at least one phase of each element alone.

    Raises
    ------
    ValueError
        If an element has no phase of its own.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    diagram = PhaseDiagram([PDEntry(Composition(p.composition), p.energy, p.name) for p in phases])
    missing = {symbol for made_of in compositions.values() for symbol in made_of}
    for symbol in sorted(missing):
        reference_energy(symbol, phases)
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


def _name(entry: object) -> str:
    return str(getattr(entry, "name", entry))
