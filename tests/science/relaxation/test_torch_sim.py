"""Models of torch-sim and packages with an ASE calculator, with stand-ins for both.

The stand-ins have the public interface of torch-sim and of packages of potentials, and compute with
ASE's EMT, which is the oracle.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation import PotentialError, get_potential
from aiida_hpaint.science.relaxation.potentials import (
    AsePotential,
    TorchSimPotential,
    find_potential,
    wrap_calculator,
)
from aiida_hpaint.science.relaxation.potentials.packages import PACKAGES, load
from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS

pytest.importorskip("torch")

STATE = """
from dataclasses import dataclass
from typing import Any
import torch

@dataclass
class SimState:
    positions: torch.Tensor
    masses: torch.Tensor
    cell: torch.Tensor
    pbc: Any
    atomic_numbers: torch.Tensor
    system_idx: torch.Tensor
"""
INTERFACE = """
import torch

class ModelInterface(torch.nn.Module):
    device = property(lambda self: torch.device("cpu"))
    dtype = property(lambda self: torch.float64)
    compute_stress = property(lambda self: True)
    compute_forces = property(lambda self: self._compute_forces)
"""
MODEL = """
import numpy as np, torch
from ase import Atoms
from ase.calculators.emt import EMT
from torch_sim.models.interface import ModelInterface

class OrbModel(ModelInterface):
    def __init__(self, *network, device="cpu", compute_forces=True):
        super().__init__()
        self.network, self._compute_forces = network, compute_forces

    def forward(self, state):
        energies, forces, stresses = [], [], []
        for index, cell in enumerate(state.cell):
            own = state.system_idx == index
            inverse = torch.linalg.inv(cell.T)
            frac = state.positions[own] @ inverse
            assert (frac > -1e-9).all() and (frac < 1 + 1e-9).all(), "positions outside"
            atoms = Atoms(state.atomic_numbers[own].numpy(), state.positions[own].numpy(),
                          cell=cell.T.numpy(), pbc=state.pbc)
            atoms.calc = EMT()
            energies.append(atoms.get_potential_energy())
            forces.append(atoms.get_forces())
            stresses.append(atoms.get_stress(voigt=False))
        join = lambda values: torch.as_tensor(np.array(values))
        return {"energy": join(energies), "forces": torch.as_tensor(np.concatenate(forces)),
                "stress": join(stresses)}
"""
ORB = """
from pathlib import Path

def orb_v3_conservative_inf_omat(weights_path, device, precision, compile):
    if Path(weights_path).read_bytes() != b"weights":
        raise RuntimeError("not a checkpoint")
    return "network", "adapter"
"""
CALCULATOR = """
from ase.calculators.emt import EMT

class {name}(EMT):
    def __init__(self, *network, **given):
        super().__init__()
        self.network, self.given = network, given
"""
FILES = {
    "torch_sim/__init__.py": STATE,
    "torch_sim/models/__init__.py": "",
    "torch_sim/models/interface.py": INTERFACE,
    "torch_sim/models/orb.py": MODEL,
}
PACKAGE_FILES = {
    "orb_models/__init__.py": "",
    "orb_models/forcefield/__init__.py": "",
    "orb_models/forcefield/pretrained.py": ORB,
    "orb_models/forcefield/inference/__init__.py": "",
    "orb_models/forcefield/inference/calculator.py": CALCULATOR.format(name="ORBCalculator"),
    "nequix/__init__.py": "",
    "nequix/calculator.py": CALCULATOR.format(name="NequixCalculator"),
    "tensorpotential/__init__.py": "",
    "tensorpotential/calculator.py": CALCULATOR.format(name="TPCalculator"),
    "upet/__init__.py": "",
    "upet/ase.py": CALCULATOR.format(name="UPETCalculator"),
}
OURS = ("torch_sim", "orb_models", "nequix", "tensorpotential", "upet")


def install(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    importlib.invalidate_caches()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of Python with the stand-ins of packages, without torch-sim."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("AIIDA_HPAINT_CACHE", str(tmp_path / "cache"))
    install(tmp_path, PACKAGE_FILES)
    yield tmp_path
    for name in [one for one in sys.modules if one.partition(".")[0] in OURS]:
        del sys.modules[name]


def crystals() -> list[Atoms]:
    frames = []
    for repeat in (1, 2, 3):
        atoms = bulk("Cu", "fcc", a=3.7, cubic=True) * (repeat, 1, 1)
        strain = np.random.default_rng(repeat).normal(0, 0.03, (3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        atoms.rattle(0.05, seed=repeat)
        atoms.positions += [4.0, -9.0, 2.0]
        frames.append(atoms)
    return frames


def arguments(frames: list[Atoms]) -> tuple[np.ndarray, ...]:
    return (
        np.concatenate([atoms.numbers for atoms in frames]),
        np.concatenate([atoms.positions for atoms in frames]),
        np.array([atoms.cell.array for atoms in frames]),
        np.array([len(atoms) for atoms in frames]),
    )


def test_a_model_of_torch_sim_is_a_potential(packages: Path) -> None:
    install(packages, FILES)
    model = importlib.import_module("torch_sim.models.orb").OrbModel("network")
    potential = get_potential(model)
    assert isinstance(potential, TorchSimPotential)
    assert (potential.card.name, potential.card.sha256) == ("orbmodel", None)
    assert potential.card.batched_by.startswith("torch-sim-atomistic ")
    given = arguments(crystals())
    found = potential.evaluate(*given, with_stress=True)
    oracle = wrap_calculator(EMT()).evaluate(*given, with_stress=True)
    np.testing.assert_allclose(found.energies, oracle.energies, atol=1e-9)
    np.testing.assert_allclose(found.forces, oracle.forces, atol=1e-9)
    np.testing.assert_allclose(found.stresses, oracle.stresses, atol=1e-9)
    assert potential.evaluate(*given).stresses is None
    nothing = potential.evaluate(*arguments(crystals()[:1])[:2], np.empty((0, 3, 3)), np.empty(0))
    assert len(nothing.energies) == 0


def test_a_model_without_forces_is_refused(packages: Path) -> None:
    install(packages, FILES)
    model = importlib.import_module("torch_sim.models.orb").OrbModel(compute_forces=False)
    with pytest.raises(PotentialError, match="computes no forces"):
        get_potential(model)


def test_orb_runs_through_its_calculator_or_torch_sim(packages: Path) -> None:
    name = "orb-v3-conservative-inf-omat"
    file = packages / "orb.ckpt"
    file.write_bytes(b"weights")
    alone = load(name, str(file), "cpu")
    assert isinstance(alone, AsePotential)
    assert alone._load().network == ("network", "adapter")
    assert alone.card.sha256 == hash_file(file)
    assert alone.card.batched_by is None
    install(packages, FILES)
    batched = load(name, str(file), "cpu")
    assert isinstance(batched, TorchSimPotential)
    assert batched.card.sha256 == alone.card.sha256
    given = arguments(crystals())
    np.testing.assert_allclose(
        batched.evaluate(*given).forces, alone.evaluate(*given).forces, atol=1e-9
    )
    file.write_bytes(b"other")
    with pytest.raises(PotentialError, match=r"orb-models .*cannot load orb.ckpt \(RuntimeError"):
        load(name, str(file), "cpu")


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("nequix", "mine.nqx", {"model_path": "mine.nqx", "backend": "jax", "use_kernel": False}),
        ("nequix-mp-1", "nequix-mp-1.nqx", {"model_path": "nequix-mp-1.nqx"}),
        ("pet-mad-s-v1.6.0", "pet.ckpt", {"checkpoint_path": "pet.ckpt", "device": "cpu"}),
    ],
)
def test_packages_get_the_file(packages: Path, name: str, file: str, expected: dict) -> None:
    (packages / file).write_bytes(b"weights")
    loaded = load(name, str(packages / file), "cpu")
    given = loaded._load().given
    for key, value in expected.items():
        assert given[key] == (str(packages / value) if value == file else value)
    found = loaded.evaluate(*arguments(crystals()))
    assert np.isfinite(found.forces).all()


def test_a_model_of_grace_is_unpacked_once(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tarfile

    (packages / "GRACE" / "variables").mkdir(parents=True)
    (packages / "GRACE" / "saved_model.pb").write_bytes(b"graph")
    archive = packages / "grace.tar.gz"
    with tarfile.open(archive, "w:gz") as target:
        target.add(packages / "GRACE", "GRACE")
    first, second = (load("grace-2l-omat", str(archive), "cpu") for _ in range(2))
    place = Path(first._load().given["model"])
    assert (place / "saved_model.pb").read_bytes() == b"graph"
    assert second._load().given["model"] == str(place)
    # Another job has unpacked it meanwhile.
    looks = iter([False])
    monkeypatch.setattr(Path, "is_dir", lambda path: next(looks, True))
    assert load("grace-2l-omat", str(archive), "cpu")._load().given["model"] == str(place)


@pytest.mark.parametrize("kind", sorted(PACKAGES))
def test_a_missing_package_is_named_with_its_command(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = PACKAGES[kind]
    monkeypatch.setitem(sys.modules, package.module, None)
    name = kind if kind != "orb" else "orb-v3-conservative-inf-omat"
    assert find_potential(name).install_command == f"pip install {package.distribution}"
    with pytest.raises(PotentialError, match=f"pip install {package.distribution}"):
        load(name, "nowhere", "cpu")


def test_each_published_potential_says_what_it_is() -> None:
    for name, potential in PUBLISHED_POTENTIALS.items():
        info = find_potential(name)
        assert info.is_published
        assert info.install_command.startswith("pip install ")
        texts = (potential.licence, potential.revision, potential.citation, potential.page)
        assert all(texts), name
        is_pinned = potential.revision.split()[-1] in potential.source
        assert is_pinned or potential.revision.startswith("not pinned: "), name
        assert potential.source.startswith(("https://", "nequip.net:")), name
