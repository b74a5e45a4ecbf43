"""Which structures are worth to be learned from."""

from __future__ import annotations

import pytest
from ase import Atoms
from ase.build import bulk

from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.conversion import from_ase
from aiida_hpaint.science.substitution.acceptance import find_acceptable, find_distinct

HYDRIDE = bulk("LiH", "rocksalt", a=4.08)
MOLECULE = Atoms("NaH2", positions=[[0, 0, 0], [2.2, 0, 0], [2.2, 0.74, 0]], cell=[4, 4, 4], pbc=1)
LONELY = Atoms("NaH", positions=[[0, 0, 0], [4, 4, 4]], cell=[8, 8, 8], pbc=1)
CLASH = Atoms("NaFH", positions=[[0, 0, 0], [1, 0, 0], [2, 0, 0]], cell=[4, 4, 4], pbc=1)
WITHOUT = bulk("NaCl", "rocksalt", a=5.64)
ALL = [HYDRIDE, MOLECULE, LONELY, CLASH, WITHOUT]


def relaxed(atoms: Atoms, force: float = 0.0, status: str = "converged") -> StructureBatch:
    return from_ase([atoms]).with_scalars(status=[status], max_force=[force])


def test_only_a_hydride_is_sensible() -> None:
    found = find_acceptable(concatenate([relaxed(atoms) for atoms in ALL]), 0.5)
    assert found.tolist() == [True, False, False, False, False]


@pytest.mark.parametrize(("force", "status"), [(0.6, "not converged"), (0.0, "collapsed")])
def test_what_is_not_at_rest_is_not_sensible(force: float, status: str) -> None:
    assert not find_acceptable(relaxed(HYDRIDE, force, status), 0.5).any()


def test_what_comes_twice_is_kept_once() -> None:
    supercell = HYDRIDE.repeat((2, 1, 1))
    other = bulk("LiH", "cesiumchloride", a=2.5)
    assert find_distinct(concatenate([relaxed(a) for a in (HYDRIDE, supercell, other)])) == [0, 2]


def test_dense_and_thin_crystals_are_not_sensible() -> None:
    for edge in (1.9, 9.0):
        atoms = HYDRIDE.copy()
        atoms.set_cell(HYDRIDE.cell * (edge / 4.08), scale_atoms=True)
        assert not find_acceptable(relaxed(atoms), 0.5).any()
