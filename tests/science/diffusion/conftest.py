"""Real hosts, typed from published structures, that the tests of sampling share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure

from aiida_hpaint.science.structures.batch import StructureBatch, concatenate


def brucite() -> Structure:
    lattice = Lattice.hexagonal(3.142, 4.766)
    sites = [[0, 0, 0], [1 / 3, 2 / 3, 0.22], [2 / 3, 1 / 3, 0.78]]
    hydrogen = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.57]]
    return Structure(lattice, ["Mg", "O", "O", "H", "H"], sites + hydrogen)


def rutile_hydride() -> Structure:
    lattice = Lattice.tetragonal(4.517, 3.020)
    return Structure.from_spacegroup(
        "P4_2/mnm", lattice, ["Mg", "H"], [[0, 0, 0], [0.304, 0.304, 0]]
    )


def hydroxide() -> Structure:
    lattice = Lattice.tetragonal(3.549, 4.334)
    sites = [[0.75, 0.25, 0], [0.25, 0.25, 0.194], [0.25, 0.25, 0.407]]
    return Structure.from_spacegroup("P4/nmm:2", lattice, ["Li", "O", "H"], sites)


def host_of(structure: Structure, label: str) -> StructureBatch:
    """The structure with its H as sites that are still to be placed."""
    numbers = np.array([site.specie.Z for site in structure])
    order = np.argsort(numbers == 1, kind="stable")
    numbers, coords = numbers[order], structure.frac_coords[order]
    coords[numbers == 1] = np.nan
    cell = structure.lattice.matrix[None]
    return StructureBatch((label,), cell, [len(numbers)], numbers, coords, numbers == 1)


def host_translations(host: StructureBatch) -> np.ndarray:
    """Pure translations (t, 3), fractional, that map the known sites onto themselves."""
    known = ~host.inserted
    crystal = (host.cells[0], host.frac_coords[known], host.numbers[known])
    found = spglib.get_symmetry(crystal, symprec=1e-4)
    pure = (found["rotations"] == np.eye(3)).all((1, 2))
    return np.asarray(found["translations"][pure])


@pytest.fixture(scope="session")
def equivalent() -> Callable[[StructureBatch, np.ndarray, np.ndarray], bool]:
    """Whether fractional points are the same, one translation of the host for all aside."""

    def check(host: StructureBatch, left: np.ndarray, right: np.ndarray) -> bool:
        shifts = left - right - host_translations(host)[:, None]
        return bool((np.abs(shifts - np.round(shifts)).max((1, 2)) < 1e-6).any())

    return check


@pytest.fixture(scope="session")
def crystals() -> dict[str, Structure]:
    return {"brucite": brucite(), "MgH2": rutile_hydride(), "LiOH": hydroxide()}


@pytest.fixture(scope="session")
def hosts(crystals: dict[str, Structure]) -> StructureBatch:
    return concatenate([host_of(crystal, label) for label, crystal in crystals.items()])
