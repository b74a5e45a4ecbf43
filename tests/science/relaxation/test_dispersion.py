"""D3(BJ) beside a potential, compared with the calculator of dftd3 and with finite differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.io import read

from aiida_hpaint.calculations.identity import identify_relaxation
from aiida_hpaint.science.relaxation.potentials import (
    AsePotential,
    PotentialCard,
    PotentialError,
    find_potential,
)
from aiida_hpaint.science.relaxation.potentials.dispersion import DispersionCorrected
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.structures import from_ase

pytest.importorskip("dftd3", reason="needs dftd3: pip install dftd3")

EXAMPLES = Path(__file__).parents[3] / "examples" / "references"
CARD = PotentialCard("lj", "ase", "0", "none", None, "cpu", elements=frozenset(range(1, 110)))


def corrected(functional: str = "pbe") -> DispersionCorrected:
    """Lennard-Jones without any energy, so that only the correction is left."""
    return DispersionCorrected(AsePotential(CARD, lambda: LennardJones(epsilon=0)), functional)


def crystals() -> list[Atoms]:
    """Brucite, displaced, and a cell of two water molecules without symmetry."""
    brucite = read(EXAMPLES / "brucite.cif")
    brucite.rattle(0.05, seed=1)
    water = Atoms(
        "OH2OH2",
        [(0, 0, 0), (0.9, 0.3, 0), (-0.4, 0.9, 0), (2, 2, 2), (2.9, 2.1, 2.2), (1.7, 2.3, 2.9)],
        cell=[[4.5, 0, 0], [0.3, 4.8, 0], [-0.2, 0.5, 4.6]],
        pbc=True,
    )
    return [brucite, water]


def evaluate(potential: DispersionCorrected, frames: list[Atoms]) -> tuple[np.ndarray, np.ndarray]:
    batch = from_ase(frames)
    found = potential.evaluate(batch.numbers, batch.cart_coords, batch.cells, batch.site_counts)
    return found.energies, found.forces


@pytest.mark.parametrize("functional", ["pbe", "r2scan"])
def test_energies_and_forces_are_those_of_the_calculator_of_dftd3(functional: str) -> None:
    from dftd3.ase import DFTD3

    frames = crystals()
    energies, forces = evaluate(corrected(functional), frames)
    for atoms in frames:
        pairwise = {"method": functional, "atm": False}
        atoms.calc = DFTD3(damping="d3bj", params_tweaks=pairwise)
    expected = [atoms.get_potential_energy() for atoms in frames]
    np.testing.assert_allclose(energies, expected, rtol=1e-10)
    assert (energies < 0).all()
    wanted = np.concatenate([atoms.get_forces() for atoms in frames])
    np.testing.assert_allclose(forces, wanted, rtol=0, atol=1e-10)


def test_stresses_are_added_where_the_potential_has_some() -> None:
    from dftd3.ase import DFTD3

    frames = crystals()
    batch = from_ase(frames)
    arguments = batch.numbers, batch.cart_coords, batch.cells, batch.site_counts
    found = corrected().evaluate(*arguments, with_stress=True)
    for index, atoms in enumerate(frames):
        atoms.calc = DFTD3(damping="d3bj", params_tweaks={"method": "pbe", "atm": False})
        expected = atoms.get_stress(voigt=False)
        np.testing.assert_allclose(found.stresses[index], expected, rtol=0, atol=1e-10)


def test_forces_are_the_derivative_of_the_energy() -> None:
    (_, water), step = crystals(), 1e-3
    _, forces = evaluate(corrected(), [water])
    moved = [water.copy(), water.copy()]
    for atoms, sign in zip(moved, (1, -1), strict=True):
        atoms.positions[1, 0] += sign * step
    energies, _ = evaluate(corrected(), moved)
    # The error of central differences is of the order of step² eV/Å.
    assert forces[1, 0] == pytest.approx((energies[1] - energies[0]) / (2 * step), abs=10 * step**2)


def test_the_card_tells_it_from_the_potential_alone() -> None:
    card = corrected("r2scan").card
    assert card.name == "lj+d3bj"
    assert card.dispersion is not None
    assert card.dispersion.startswith("D3(BJ) of R2SCAN, dftd3 ")
    assert card.as_json()["dispersion"] == card.dispersion
    assert card.elements == frozenset(range(1, 95))
    with pytest.raises(PotentialError, match="was not trained on Am"):
        evaluate(corrected(), [Atoms("Am", cell=[4, 4, 4], pbc=True)])


def test_the_functional_is_that_of_the_training_data() -> None:
    assert find_potential("sevennet-0").functional == "pbe"
    assert find_potential("sevennet-mf-0-r2scan").functional == "r2scan"
    with pytest.raises(PotentialError, match=r"no D3\(BJ\) parameters of the functional 'scann'"):
        corrected("scann")


def test_the_identity_of_a_job_names_the_correction() -> None:
    plain = identify_relaxation(PotentialSettings())["model"]
    model = identify_relaxation(PotentialSettings(dispersion="d3bj"))["model"]
    assert model.pop("dispersion").startswith("D3(BJ) of PBE, dftd3 ")
    assert model == plain


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "dftd3.interface", None)
    with pytest.raises(PotentialError, match=r"needs the package 'dftd3'.*aiida-hpaint\[d3\]"):
        corrected()
