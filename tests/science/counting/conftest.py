"""Hosts and an oracle potential."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential
from aiida_hpaint.science.relaxation.potentials.base import PotentialCard
from aiida_hpaint.science.structures import StructureBatch, from_ase, read_hosts

HOSTS = Path(__file__).parents[3] / "examples" / "hosts"


@pytest.fixture
def brucite_host() -> StructureBatch:
    return read_hosts(HOSTS / "brucite.cif")


@pytest.fixture(scope="session")
def emt() -> AsePotential:
    from ase.calculators.emt import EMT

    card = PotentialCard("emt", "ase", "0", "none", "0" * 64, "cpu")
    return AsePotential(card, EMT)


@pytest.fixture
def copper() -> Atoms:
    atoms = bulk("Cu", "fcc", a=3.7)
    atoms.info["name"] = "Cu fcc"
    return atoms


@pytest.fixture
def rock_salt() -> StructureBatch:
    return from_ase([bulk("MgO", "rocksalt", a=4.21)])


def strained(atoms: Atoms, seed: int = 0) -> Atoms:
    """A copy without any symmetry."""
    copy = atoms.copy()
    noise = np.random.default_rng(seed).normal(0, 0.03, (3, 3))
    copy.set_cell(copy.cell.array @ (np.eye(3) + noise), scale_atoms=True)
    return copy
