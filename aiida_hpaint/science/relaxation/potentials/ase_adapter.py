"""Any ASE calculator as a potential that evaluates one structure after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress

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
        with_stress: bool = False,
    ) -> Evaluation:
        """Evaluate S structures one after the other, see `Potential.evaluate`."""
        self._card.check_elements(numbers)
        energies = np.empty(len(site_counts))
        forces = np.empty((len(numbers), 3))
        stresses = np.empty((len(site_counts), 3, 3)) if with_stress else None
        start = 0
        for index, count in enumerate(site_counts):
            sites = slice(start, start := start + int(count))
            atoms = Atoms(numbers[sites], cart_positions[sites], cell=cells[index], pbc=True)
            results = self._evaluate_one(atoms, with_stress)
            # The free energy is the one that the forces are gradients of.
            energies[index] = results.get("free_energy", results["energy"])
            forces[sites] = results["forces"]
            if stresses is not None:
                stresses[index] = _read_stress(results["stress"])
        return Evaluation(energies, forces, stresses)

    @property
    def has_stress(self) -> bool:
        """Whether the calculator computes stresses."""
        return "stress" in self._load().implemented_properties

    def _load(self) -> Any:
        if self._calculator is None:
            self._calculator = self._factory()
        return self._calculator

    def _evaluate_one(self, atoms: Atoms, with_stress: bool) -> dict[str, Any]:
        # Calling `calculate` skips what `atoms.calc` adds: stresses that nobody asked for, and a
        # comparison with the last structure.
        calculator = self._load()
        calculator.calculate(atoms, ["energy", "forces", *(["stress"] if with_stress else [])])
        results: dict[str, Any] = calculator.results
        return results


def _read_stress(stress: FloatArray) -> FloatArray:
    """Return a stress of six components (xx, yy, zz, yz, xz, xy) or nine as a matrix."""
    values = np.asarray(stress, dtype=np.float64)
    full = voigt_6_to_full_3x3_stress(values) if values.size == 6 else values.reshape(3, 3)
    return np.asarray(full)


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
