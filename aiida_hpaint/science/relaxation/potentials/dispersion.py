"""Dispersion that a potential lacks: the correction DFT-D3(BJ) of the functional it was trained on.

Functionals like PBE bind molecules in crystals too weakly, and so do potentials that learned from
them. The pairwise correction of Grimme et al. (J. Chem. Phys. 132, 154104 (2010)) with the damping
of Becke and Johnson (J. Comput. Chem. 32, 1456 (2011)), without three-body terms, is computed by
simple-dftd3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.units import Bohr, Hartree

from aiida_hpaint.science.relaxation.potentials.base import (
    Evaluation,
    Potential,
    PotentialCard,
    PotentialError,
    has_stress,
    require_stress,
)
from aiida_hpaint.science.relaxation.potentials.files import find_version, import_package

if TYPE_CHECKING:
    from aiida_hpaint.science.types import FloatArray, IntArray

PACKAGE = "dftd3"
INSTALL_COMMAND = "pip install 'aiida-hpaint[d3]'"
HEAVIEST = 94
"""Largest atomic number with dispersion coefficients in D3."""


def describe_dispersion(functional: str) -> str:
    """Return the name of the correction, and the package that computes it with its version."""
    return f"D3(BJ) of {functional.upper()}, {PACKAGE} {find_version(PACKAGE)}"


class DispersionCorrected:
    """A potential with D3(BJ) added to its energies, forces and stresses.

    Parameters
    ----------
    potential
        Potential without dispersion.
    functional
        Functional whose damping parameters are used, like 'pbe'.

    Raises
    ------
    PotentialError
        If dftd3 is not installed, or knows no parameters of the functional.
    """

    def __init__(self, potential: Potential, functional: str) -> None:
        card = potential.card
        interface = import_package(
            f"{card.name} with dispersion", "dftd3.interface", INSTALL_COMMAND
        )
        try:
            self._damping = interface.RationalDampingParam(method=functional, atm=False)
        except RuntimeError as error:
            raise PotentialError(
                f"{card.name}: {PACKAGE} has no D3(BJ) parameters of the functional "
                f"{functional!r}: set potential.dispersion to null"
            ) from error
        self._model: Callable[..., Any] = interface.DispersionModel
        self._potential = potential
        known = frozenset(range(1, HEAVIEST + 1))
        self._card = replace(
            card,
            name=f"{card.name}+d3bj",
            dispersion=describe_dispersion(functional),
            elements=known if card.elements is None else card.elements & known,
        )

    @property
    def card(self) -> PotentialCard:
        """Card of the potential, with the correction in its name."""
        return self._card

    @property
    def has_stress(self) -> bool:
        """Whether the potential without dispersion computes stresses."""
        return has_stress(self._potential)

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
        with_stress: bool = False,
    ) -> Evaluation:
        """Evaluate S structures, see `Potential.evaluate`."""
        self._card.check_elements(numbers)
        arguments = (numbers, cart_positions, cells, site_counts)
        if with_stress:
            found = require_stress(self._potential).evaluate(*arguments, with_stress=True)
        else:
            found = self._potential.evaluate(*arguments)
        cuts = np.cumsum(site_counts)[:-1]
        parts = zip(np.split(numbers, cuts), np.split(cart_positions, cuts), cells, strict=True)
        terms = [self._correct(*part) for part in parts]
        return Evaluation(
            found.energies + np.array([energy for energy, _, _ in terms]),
            found.forces + np.concatenate([forces for _, forces, _ in terms]),
            None if found.stresses is None else found.stresses + np.array([s for _, _, s in terms]),
        )

    def _correct(
        self, numbers: IntArray, positions: FloatArray, cell: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        """Return the correction of one structure: energy in eV, forces in eV/Å, stress in eV/Å³."""
        model = self._model(numbers, positions / Bohr, cell / Bohr, np.ones(3, dtype=bool))
        found = model.get_dispersion(self._damping, grad=True)
        stress = found["virial"] * (Hartree / abs(np.linalg.det(cell)))
        return float(found["energy"]) * Hartree, -found["gradient"] * (Hartree / Bohr), stress
