"""Any ASE calculator as a potential: structure after structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from aiida_hpaint.science.relaxation.potentials.base import Evaluation, PotentialCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiida_hpaint.science.types import FloatArray, IntArray


class AsePotential:
    """An ASE calculator behind the interface of `Potential`.

    Parameters
    ----------
    card : PotentialCard
        Which model this is.
    factory : function without arguments
        Makes the calculator, once, when it is first needed.
    """

    def __init__(self, card: PotentialCard, factory: Callable[[], Any]) -> None:
        self._card = card
        self._factory = factory
        self._calculator: Any = None

    @property
    def card(self) -> PotentialCard:
        """Which model this is."""
        return self._card

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
    ) -> Evaluation:
        """Evaluate S structures one after the other, see `Potential.evaluate`."""
        self._card.check_elements(numbers)
        if self._calculator is None:
            self._calculator = self._factory()
        energies = np.empty(len(site_counts))
        forces = np.empty((len(numbers), 3))
        start = 0
        for index, count in enumerate(site_counts):
            sites = slice(start, start := start + int(count))
            energies[index], forces[sites] = self._one(
                Atoms(numbers[sites], cart_positions[sites], cell=cells[index], pbc=True)
            )
        return Evaluation(energies, forces)

    def _one(self, atoms: Atoms) -> tuple[float, FloatArray]:
        # `results` instead of `atoms.calc`: no stress is asked for and nothing is compared.
        self._calculator.calculate(atoms, ["energy", "forces"])
        results = self._calculator.results
        energy = results.get("free_energy", results["energy"])
        return float(energy), np.asarray(results["forces"], dtype=np.float64)
