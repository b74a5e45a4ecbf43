"""Evidence of densities and formula weights: how many H the mass of the cell has room for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.types import Evidence
from aiida_hpaint.science.structures.records import Record

AVOGADRO = 0.602214076
"""g/mol of a mass of 1 g/cm³ times 1 Å³."""

DENSITY_ERROR = {"diffrn": 0.002, "meas": 0.02}
"""Relative uncertainty of calculated densities (atomic masses, cell) and measured ones."""

LARGEST_UNCERTAINTY = 1.0
"""Uncertainty in H per oxygen atom, or any other that may carry them, beyond which a mass says
nothing."""


def find_mass_evidence(record: Record, cell: CellContent, symbol: str) -> list[Evidence]:
    """Return how many atoms of an element make up the mass of the cell, with its uncertainty."""
    from ase.data import atomic_masses, atomic_numbers

    def weigh(element: str) -> float:
        return float(atomic_masses[atomic_numbers[element]])

    volume = abs(float(np.linalg.det(record.cell)))
    masses = []
    if record.weight and record.units:
        # Weights are printed to 0.1 or 0.01; tables of atomic masses differ by as much.
        text = f"_chemical_formula_weight {record.weight:g} times Z = {record.units:g}"
        masses.append((text, record.weight * record.units, 0.1 * record.units))
    for kind, density in record.density.items():
        mass = density * volume * AVOGADRO
        error = mass * DENSITY_ERROR.get(kind, 0.02)
        masses.append((f"_exptl_crystal_density_{kind} {density:g}", mass, error))
    found = [_weigh(text, mass, error, cell, symbol, weigh) for text, mass, error in masses]
    return [evidence for evidence in found if evidence is not None]


def _weigh(
    text: str,
    mass: float,
    error: float,
    cell: CellContent,
    symbol: str,
    weigh: Callable[[str], float],
) -> Evidence | None:
    rest = sum(weigh(e) * n for e, n in cell.composition.items() if e != symbol)
    total, uncertainty = (mass - rest) / weigh(symbol), error / weigh(symbol)
    carriers = sum(n for element, n in cell.composition.items() if element in ("O", "N", "C"))
    if uncertainty > LARGEST_UNCERTAINTY * max(1, carriers) or total < -3 * uncertainty:
        return None
    statement = f"{mass:.1f} g/mol in the cell leave {total:.1f} ± {uncertainty:.1f} {symbol}"
    return Evidence(text, statement, max(0.0, round(total, 2)), is_certain=False)
