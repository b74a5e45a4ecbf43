"""Any ASE calculator as a potential that evaluates one structure after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from aiida_hpaint.science.relaxation.potentials.base import Evaluation, PotentialCard
from aiida_hpaint.science.relaxation.potentials.files import find_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiida_hpaint.science.types import FloatArray, IntArray


class AsePotential:
    """An ASE calculator behind the interface of `Potential`.

    Parameters
    ----------
    card : PotentialCard
        Card of the model.
    factory : function without arguments
        Function that makes the calculator, once, when it is first needed.
    """

    def __init__(self, card: PotentialCard, factory: Callable[[], Any]) -> None:
        self._card = card
        self._factory = factory
        self._calculator: Any = None

    @property
    def card(self) -> PotentialCard:
        """Card of the model."""
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
            energies[index], forces[sites] = self._evaluate_one(
                Atoms(numbers[sites], cart_positions[sites], cell=cells[index], pbc=True)
            )
        return Evaluation(energies, forces)

    def _evaluate_one(self, atoms: Atoms) -> tuple[float, FloatArray]:
        # Calling `calculate` skips what `atoms.calc` adds: stresses, and a comparison with the
        # last structure. The free energy is the one that the forces are gradients of.
        self._calculator.calculate(atoms, ["energy", "forces"])
        results = self._calculator.results
        energy = results.get("free_energy", results["energy"])
        return float(energy), np.asarray(results["forces"], dtype=np.float64)


def wrap_calculator(
    calculator: Any, name: str = "", package: str = "", sha256: str | None = None
) -> AsePotential:
    """Return an ASE calculator as a potential.

    Without a hash of its weights nothing proves which model it is. For a card with cutoff, elements
    and lowest energy make an `AsePotential` yourself.

    Parameters
    ----------
    calculator : ASE calculator
        Calculator of energies and forces.
    name, package : strings, optional
        Name of the potential and the distribution that evaluates it; without them those of the
        calculator's class.
    sha256 : string, optional
        Hash of the weights.
    """
    kind = type(calculator)
    package = package or kind.__module__.partition(".")[0]
    card = PotentialCard(
        name=name or kind.__name__.lower(),
        package=package,
        package_version=find_version(package),
        model="",
        sha256=sha256,
        device="cpu",
    )
    return AsePotential(card, lambda: calculator)
