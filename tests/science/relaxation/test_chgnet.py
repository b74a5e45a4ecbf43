from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress

from aiida_hpaint.science.relaxation import get_potential, relax
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings

from .crystals import arguments, batch_of, brucite, magnesium_hydride, rattled

dynamics = pytest.importorskip("chgnet.model.dynamics")
pytestmark = pytest.mark.filterwarnings("ignore")
SETTINGS = PotentialSettings(name="chgnet", device="cpu")


def structures():
    return [rattled(brucite(), 0.05, 1), rattled(magnesium_hydride(), 0.1, 2), brucite()]


def test_energies_and_forces_equal_those_of_its_own_calculator():
    ours = get_potential(SETTINGS).evaluate(*arguments(structures()), with_stress=True)
    start = 0
    calculator = dynamics.CHGNetCalculator(use_device="cpu")
    for index, atoms in enumerate(structures()):
        calculator.calculate(atoms, task="efs")
        sites = slice(start, start := start + len(atoms))
        np.testing.assert_allclose(ours.energies[index], calculator.results["energy"], atol=1e-4)
        np.testing.assert_allclose(ours.forces[sites], calculator.results["forces"], atol=1e-4)
        stress = voigt_6_to_full_3x3_stress(calculator.results["stress"])
        np.testing.assert_allclose(ours.stresses[index], stress, atol=1e-5)


def test_an_isolated_atom_fails_alone():
    lonely = Atoms("MgH", [(0, 0, 0), (10, 10, 10)], cell=20 * np.eye(3), pbc=True)
    settings = RelaxationSettings(max_steps=2)
    result = relax(batch_of([brucite(), lonely]), settings, SETTINGS)
    assert list(result.scalars["status"])[1] == "failed"
    assert "isolated" in result.metadata[1]["error"]
    assert np.isfinite(result.scalars["energy"][0])
