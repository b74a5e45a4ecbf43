"""Calculator of ASE with the stresses of a potential, or from finite differences of its energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from aiida_hpaint.science.relaxation.potentials import Potential, require_stress
from aiida_hpaint.science.relaxation.potentials.base import has_stress

STEP = 0.01
"""Strain of each copy; energies in single precision do not allow a smaller one."""

_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Components of a stress in Voigt order."""


class StressCalculator(Calculator):
    """Calculator with energies, forces and stresses of a potential.

    Of a potential that has no stress, that follows from twelve strained copies of a structure, two
    for each component, which are evaluated in one batch.

    Parameters
    ----------
    potential
        Potential that is evaluated.
    """

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, potential: Potential) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._potential = potential

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Any = ("energy",),
        system_changes: Any = all_changes,
    ) -> None:
        """Evaluate a structure: energy (eV), forces (eV/Å) and stress (eV/Å³, Voigt order)."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        structure: Any = self.atoms
        wanted = "stress" in properties
        if wanted and has_stress(self._potential):
            self._evaluate_stress(structure)
            return
        strains = _make_strains() if wanted else np.eye(3)[None]
        cells = structure.cell.array @ strains
        positions = structure.get_scaled_positions(wrap=False)[None] @ cells
        count = len(strains)
        found = self._potential.evaluate(
            np.tile(structure.numbers, count),
            positions.reshape(-1, 3),
            cells,
            np.full(count, len(structure)),
        )
        self.results = {
            "energy": float(found.energies[0]),
            "forces": found.forces[: len(structure)],
        }
        if count > 1:
            slopes = (found.energies[1:7] - found.energies[7:]) / (2 * STEP)
            self.results["stress"] = slopes / structure.get_volume()

    def _evaluate_stress(self, atoms: Atoms) -> None:
        found = require_stress(self._potential).evaluate(
            atoms.numbers,
            atoms.positions,
            atoms.cell.array[None],
            np.array([len(atoms)]),
            with_stress=True,
        )
        assert found.stresses is not None
        self.results = {
            "energy": float(found.energies[0]),
            "forces": found.forces,
            "stress": full_3x3_to_voigt_6_stress(found.stresses[0]),
        }


def _make_strains() -> NDArray[np.float64]:
    """Return (13, 3, 3) deformations: none, then six positive and six negative strains."""
    deformations = [np.eye(3)]
    for sign in (1, -1):
        for i, j in _PAIRS:
            strain = np.zeros((3, 3))
            strain[i, j] += sign * STEP / 2
            strain[j, i] += sign * STEP / 2
            deformations.append(np.eye(3) + strain)
    return np.array(deformations)
