from __future__ import annotations

import warnings

import numpy as np
import pytest
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from hydrides import palladium_hydride
from nequip_package import run

from aiida_hpaint.science.relaxation import PotentialError, get_potential, relax
from aiida_hpaint.science.relaxation.potentials.nequip import load
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings

from .crystals import arguments, batch_of, brucite

pytest.importorskip("nequip")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]


def trusting(model):
    return PotentialSettings(name="nequip", model=str(model), device="cpu", trust=True)


@pytest.fixture(autouse=True)
def _precision():
    """The calculator of nequip wants double precision as the default, and sets it only once."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture
def package(nequip_package):
    return nequip_package


def structures():
    return [palladium_hydride(1, 1), palladium_hydride(2, 3), palladium_hydride(3, 1)]


def compare(potential, calculator):
    assert potential.has_stress
    ours, start = potential.evaluate(*arguments(structures()), with_stress=True), 0
    for index, atoms in enumerate(structures()):
        atoms.calc = calculator
        sites = slice(start, start := start + len(atoms))
        np.testing.assert_allclose(ours.energies[index], atoms.get_potential_energy(), atol=1e-6)
        np.testing.assert_allclose(ours.forces[sites], atoms.get_forces(), atol=1e-6)
        np.testing.assert_allclose(ours.stresses[index], atoms.get_stress(voigt=False), atol=1e-7)


def test_a_package_equals_the_calculator_of_nequip(package):
    from nequip.integrations.ase import NequIPCalculator

    settings = trusting(package)
    potential = get_potential(settings)
    assert potential.card.model == "tiny.nequip.zip"
    assert potential.card.elements == {1, 46}
    assert potential.card.cutoff == 4.0
    compare(
        potential,
        NequIPCalculator._from_saved_model(package, chemical_species_to_atom_type_map=True),
    )


def test_loading_a_package_leaves_the_precision_of_torch_alone(package):
    import torch

    expected = load("nequip", str(package), "cpu").evaluate(*arguments(structures()))
    torch.set_default_dtype(torch.float32)
    potential = load("nequip", str(package), "cpu")
    found = potential.evaluate(*arguments(structures()))
    assert torch.get_default_dtype() == torch.float32
    np.testing.assert_allclose(found.energies, expected.energies, atol=1e-10)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-10)


def test_relaxation_with_a_package_follows_ase(package):
    from nequip.integrations.ase import NequIPCalculator

    calculator = NequIPCalculator._from_saved_model(package, chemical_species_to_atom_type_map=True)
    settings = RelaxationSettings(fmax=0.01, max_steps=6, give_up_above=None, curvature="unit")
    potential = trusting(package)
    result = relax(batch_of(structures()), settings, potential)
    for index, atoms in enumerate(structures()):
        atoms.calc = calculator
        atoms.set_constraint(FixAtoms(np.flatnonzero(atoms.numbers != 1)))
        BFGS(atoms, logfile=None).run(fmax=0.01, steps=6)
        # A model of one epoch is rough: it amplifies rounding that differs between machines.
        np.testing.assert_allclose(result[index].cart_coords, atoms.positions, atol=2e-3)


def test_a_fetched_package_has_a_name_and_needs_no_trust(package, tmp_path, monkeypatch):
    from aiida_hpaint.science.files import hash_file
    from aiida_hpaint.science.relaxation.potentials.fetching import fetch_potential

    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path))
    fetch_potential("nequip-oam-l", hash_file(package), file=package)
    potential = get_potential(PotentialSettings(name="nequip-oam-l", device="cpu"))
    assert potential.card.name == "nequip-oam-l"
    assert potential.card.sha256 == hash_file(package)
    ours, theirs = (
        one.evaluate(*arguments(structures()))
        for one in (potential, get_potential(trusting(package)))
    )
    np.testing.assert_array_equal(ours.energies, theirs.energies)


def test_elements_that_the_model_does_not_know(package):
    potential = get_potential(trusting(package))
    with pytest.raises(PotentialError, match="not trained on O, Mg"):
        potential.evaluate(*arguments([brucite()]))


@pytest.mark.long
def test_a_compiled_model_equals_the_package(package):
    """One for many structures at once is compiled by the test of CompileCalculation."""
    compiled = package.with_name("one.nequip.pt2")
    mode = ["--mode", "aotinductor", "--device", "cpu", "--target", "ase"]
    run(package.parent, "nequip-compile", *mode, package.name, compiled.name)
    ours, theirs = (
        get_potential(trusting(path)).evaluate(*arguments(structures()), with_stress=True)
        for path in (compiled, package)
    )
    np.testing.assert_allclose(ours.energies, theirs.energies, atol=1e-6)
    np.testing.assert_allclose(ours.forces, theirs.forces, atol=1e-6)
    np.testing.assert_allclose(ours.stresses, theirs.stresses, atol=1e-7)


def test_a_model_for_another_device(package, tmp_path):
    broken = tmp_path / "other.nequip.pt2"
    broken.write_bytes(package.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(PotentialError, match=r"cannot load other\.nequip\.pt2 on cpu"):
            get_potential(trusting(broken))
