from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io.cube import write_cube
from ase.units import Bohr, Hartree, Rydberg

from aiida_hpaint.science.electrostatics import PotentialGrid, read_cube

CELL = np.array([[3.0, 0.2, 0.0], [0.5, 4.0, -0.3], [0.1, 0.0, 5.0]])
VALUES = np.random.default_rng(0).normal(size=(3, 4, 5))


def test_rydberg_become_electronvolts() -> None:
    grid = PotentialGrid.from_rydberg(VALUES, CELL)
    np.testing.assert_allclose(grid.values, VALUES * 13.605693, rtol=1e-6)
    np.testing.assert_allclose(grid.voxel * [[3], [4], [5]], CELL)
    assert grid.shape == (3, 4, 5)


def test_arrays_of_pp_become_a_grid() -> None:
    voxel = np.round(CELL / np.array([[3], [4], [5]]) / Bohr, 6)
    units = {"data_units": np.array("Ry"), "coordinates_units": np.array("bohr")}
    grid = PotentialGrid.from_pp(VALUES, voxel, **units)
    np.testing.assert_allclose(grid.cell, CELL, atol=1e-5)
    np.testing.assert_array_equal(grid.values, VALUES * Rydberg)
    np.testing.assert_array_equal(PotentialGrid.from_pp(VALUES, voxel, cell=CELL).cell, CELL)


def test_arrays_of_pp_in_other_units_are_refused() -> None:
    with pytest.raises(ValueError, match="the data of a potential are in e/bohr"):
        PotentialGrid.from_pp(VALUES, CELL, data_units="e/bohr^3")
    with pytest.raises(ValueError, match="not in bohr"):
        PotentialGrid.from_pp(VALUES, CELL, coordinates_units="angstrom")
    with pytest.raises(ValueError, match="not a grid in 3D"):
        PotentialGrid.from_pp(VALUES[0], CELL)


def test_a_grid_that_repeats_its_first_points_is_refused() -> None:
    voxel = CELL / np.array([[2], [3], [4]]) / Bohr
    with pytest.raises(ValueError, match="plot it on the FFT grid"):
        PotentialGrid.from_pp(VALUES, voxel, cell=CELL)


@pytest.mark.parametrize(
    ("cell", "values", "message"),
    [
        (CELL[:2], VALUES, "shape"),
        (np.zeros((3, 3)), VALUES, "no volume"),
        (CELL, VALUES[0], r"\(4, 5\)"),
        (CELL, np.where(VALUES.max() == VALUES, np.nan, VALUES), "1 of 60 values"),
    ],
)
def test_what_is_no_potential_is_refused(
    cell: np.ndarray, values: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PotentialGrid(cell, values)


@pytest.mark.parametrize(("unit", "size"), [("Ry", Rydberg), ("Ha", Hartree), ("eV", 1.0)])
def test_cube_files_of_others_are_read(tmp_path: Path, unit: str, size: float) -> None:
    with open(tmp_path / "v.cube", "w", encoding="utf-8") as file:
        write_cube(file, Atoms("Li", cell=CELL, pbc=True), data=VALUES)
    grid = read_cube(tmp_path / "v.cube", unit)  # type: ignore[arg-type]
    np.testing.assert_allclose(grid.cell, CELL, atol=1e-5)
    np.testing.assert_allclose(grid.values, VALUES * size, rtol=1e-4, atol=1e-5)


def test_files_that_are_no_cube_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.cube"
    path.write_text("one\ntwo\nthree\n", "utf-8")
    with pytest.raises(ValueError, match="this is not a cube file"):
        read_cube(path)
    with pytest.raises(ValueError, match="unit 'J'"):
        read_cube(path, "J")  # type: ignore[arg-type]
    with open(path, "w", encoding="utf-8") as file:
        write_cube(file, Atoms("Li", cell=CELL, pbc=True), data=VALUES, origin=(1.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="starts at"):
        read_cube(path)
