from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.fixed_host import HELD
from aiida_hpaint.science.symmetry import refine_symmetry

Read = Callable[[str], StructureBatch]
Make = Callable[..., StructureBatch]
NAMES = ["brucite", "lithium_hydroxide", "magnesium_hydride", "sodium_alanate", "diaspore"]


def shaken(crystal: StructureBatch, length: float, seed: int = 0) -> StructureBatch:
    rng = np.random.default_rng(seed)
    shifts = rng.normal(size=crystal.frac_coords.shape)
    shifts *= length / np.linalg.norm(shifts, axis=1, keepdims=True)
    frac = crystal.frac_coords + shifts @ np.linalg.inv(crystal.cells[0])
    return crystal.with_coords(frac).with_scalars(rank=[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_shaken_crystal_gets_its_space_group_back(reference: Read, name: str) -> None:
    crystal = reference(name)
    before = shaken(crystal, 0.03)
    refined = refine_symmetry(before, 0.1)
    as_pymatgen = Structure(Lattice(crystal.cells[0]), crystal.numbers, refined.frac_coords)
    number = SpacegroupAnalyzer(as_pymatgen, symprec=1e-5).get_space_group_number()
    exact = (crystal.cells[0], crystal.frac_coords, crystal.numbers)
    assert number == spglib.get_symmetry_dataset(exact, symprec=1e-3).number
    shift = (refined.frac_coords - before.frac_coords) @ crystal.cells[0]
    farthest = float(np.linalg.norm(shift, axis=1).max())
    assert refined.scalars["refined_by"][0] == pytest.approx(farthest)
    assert 0 < farthest < 0.1
    np.testing.assert_array_equal(refined.cells, crystal.cells)
    np.testing.assert_array_equal(refined.numbers, crystal.numbers)


def test_what_is_not_symmetric_is_left_alone(reference: Read) -> None:
    before = shaken(reference("diaspore"), 0.3)
    refined = refine_symmetry(before, 0.02)
    np.testing.assert_array_equal(refined.frac_coords, before.frac_coords)
    assert refined.scalars["refined_by"][0] == 0


def test_only_ranked_samples_are_refined_and_the_tolerance_is_recorded(reference: Read) -> None:
    crystal = shaken(reference("brucite"), 0.03)
    both = concatenate([crystal, crystal.with_scalars(rank=[-1])])
    refined = refine_symmetry(both, 0.1)
    np.testing.assert_array_equal(refined[1].frac_coords, crystal.frac_coords)
    assert refined.scalars["refined_by"][1] == 0
    assert refined.history[-1]["stage"] == "refine_symmetry"
    assert refined.history[-1]["settings"] == {"tolerance": 0.1}
    assert refined.history[-1]["refined"] == 1


@pytest.mark.parametrize("is_held", [False, True])
def test_cells_of_hosts_that_are_held_stay_where_others_relaxed(is_held: bool) -> None:
    cell = np.diag([4.0, 4.0, 4.03])
    frac = np.array([[0.002, 0, 0], [0.5, 0.5, 0.5]])
    metadata = {HELD: {"reasons": ["host atoms moved"], "energy": -1.0}} if is_held else {}
    before = StructureBatch(
        ("CsH",),
        cell[None],
        [2],
        [55, 1],
        frac,
        [False, True],
        {"rank": np.array([0])},
        (metadata,),
    ).with_history({"stage": "relax_all", "settings": {"cell": "free"}})
    refined = refine_symmetry(before, 0.1)
    assert np.array_equal(refined.cells[0], cell) == is_held


def test_a_cell_that_is_not_cubic_stays_so() -> None:
    cell = np.diag([4.0, 4.0, 4.03])
    frac = np.array([[0, 0, 0], [0.5, 0.5, 0.5]]) + np.array([[0.002, 0, 0], [0, 0, 0]])
    before = StructureBatch(
        ("CsH",), cell[None], [2], [55, 1], frac, [False, True], {"rank": np.array([0])}
    )
    refined = refine_symmetry(before, 0.1)
    np.testing.assert_array_equal(refined.cells[0], cell)
    number = spglib.get_symmetry_dataset((cell, refined.frac_coords, [55, 1]), symprec=1e-3).number
    assert number == 123
