from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from aiida_hpaint.science.relaxation import PotentialError, get_potential, relax
from aiida_hpaint.science.relaxation.potentials.nequip import load
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings

from .crystals import arguments, batch_of, brucite, palladium_hydride

pytest.importorskip("nequip")
pytestmark = pytest.mark.filterwarnings("ignore")
CONFIG = Path(__file__).with_name("tiny_nequip.yaml")


def run(folder, command, *words):
    program = Path(sys.executable).with_name(command)
    finished = subprocess.run(
        [program, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]


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


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A tiny NequIP model, trained for one epoch on energies of EMT, and packaged."""
    folder = tmp_path_factory.mktemp("nequip")
    frames = []
    for seed in range(6):
        atoms = palladium_hydride(seed)
        atoms.calc = EMT()
        atoms.get_forces()
        frames.append(atoms)
    ase.io.write(folder / "data.extxyz", frames)
    where = ["-cp", str(CONFIG.parent), "-cn", CONFIG.stem]
    run(folder, "nequip-train", *where, "hydra.run.dir=out")
    run(folder, "nequip-package", "build", "out/best.ckpt", "tiny.nequip.zip")
    return folder / "tiny.nequip.zip"


def structures():
    return [palladium_hydride(1, 1), palladium_hydride(2, 3), palladium_hydride(3, 1)]


def compare(potential, calculator):
    ours, start = potential.evaluate(*arguments(structures())), 0
    for index, atoms in enumerate(structures()):
        atoms.calc = calculator
        sites = slice(start, start := start + len(atoms))
        np.testing.assert_allclose(ours.energies[index], atoms.get_potential_energy(), atol=1e-6)
        np.testing.assert_allclose(ours.forces[sites], atoms.get_forces(), atol=1e-6)


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
    settings = RelaxationSettings(fmax=0.01, max_steps=6, give_up_above=None)
    potential = trusting(package)
    result = relax(batch_of(structures()), settings, potential)
    for index, atoms in enumerate(structures()):
        atoms.calc = calculator
        atoms.set_constraint(FixAtoms(np.flatnonzero(atoms.numbers != 1)))
        BFGS(atoms, logfile=None).run(fmax=0.01, steps=6)
        # A model of one epoch is rough: it amplifies rounding that differs between machines.
        np.testing.assert_allclose(result[index].cart_coords, atoms.positions, atol=2e-3)


def test_elements_that_the_model_does_not_know(package):
    potential = get_potential(trusting(package))
    with pytest.raises(PotentialError, match="not trained on O, Mg"):
        potential.evaluate(*arguments([brucite()]))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["ase", "batch"])
def test_a_compiled_model_equals_the_package(package, target):
    compiled = package.with_name(f"{target}.nequip.pt2")
    mode = ["--mode", "aotinductor", "--device", "cpu", "--target", target]
    run(package.parent, "nequip-compile", *mode, package.name, compiled.name)
    settings = PotentialSettings(name="nequip", device="cpu", trust=True)
    ours, theirs = (
        get_potential(settings.model_copy(update={"model": str(path)})).evaluate(
            *arguments(structures())
        )
        for path in (compiled, package)
    )
    np.testing.assert_allclose(ours.energies, theirs.energies, atol=1e-6)
    np.testing.assert_allclose(ours.forces, theirs.forces, atol=1e-6)


def test_a_model_for_another_device(package, tmp_path):
    broken = tmp_path / "other.nequip.pt2"
    broken.write_bytes(package.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(PotentialError, match=r"cannot load other\.nequip\.pt2 on cpu"):
            get_potential(trusting(broken))
