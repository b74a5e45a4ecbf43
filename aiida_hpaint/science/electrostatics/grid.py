"""PotentialGrid: the potential energy of an electron on a periodic grid."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

import numpy as np
from ase.io.cube import read_cube as parse_cube
from ase.units import Bohr, Hartree, Rydberg
from numpy.typing import ArrayLike

from aiida_hpaint.science.types import FloatArray

Unit = Literal["Ry", "Ha", "eV"]
_UNITS = {"Ry": Rydberg, "Ha": Hartree, "eV": 1.0}
_PP_COORDINATES = "bohr"
_PP_DATA = "Ry"
_SAME_CELL = 1e-3
"""Difference of equal cells, as a share of the longest vector: files have six decimals."""
_SAME_ORIGIN = 1e-4
"""Largest distance (Å) of the first grid point from the origin of the cell."""


@dataclass(frozen=True, eq=False)
class PotentialGrid:
    """The electrostatic potential of a crystal as it acts on an electron.

    Attributes
    ----------
    cell : (3, 3)
        Lattice vectors as rows, in Å.
    values : (n1, n2, n3)
        Potential energy of an electron, in eV, up to a constant; [i, j, k] at the fractional
        coordinates (i / n1, j / n2, k / n3). It is lowest at the nuclei. The energy of a proton
        has the opposite sign, so protons prefer the maxima.

    Raises
    ------
    ValueError
        If a shape is wrong, a number is not finite, or the cell has no volume.
    """

    cell: FloatArray
    values: FloatArray

    def __post_init__(self) -> None:
        cell = np.asarray(self.cell, dtype=np.float64)
        values = np.asarray(self.values, dtype=np.float64)
        if cell.shape != (3, 3):
            raise ValueError(f"the cell of a potential has the shape {cell.shape}: give (3, 3)")
        if not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1e-6:
            raise ValueError(f"the cell of a potential spans no volume: {cell.tolist()}")
        if values.ndim != 3 or not values.size:
            raise ValueError(f"a potential has the shape {values.shape}: give (n1, n2, n3)")
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise ValueError(f"{bad} of {values.size} values of a potential are not finite")
        object.__setattr__(self, "cell", cell)
        object.__setattr__(self, "values", values)

    @classmethod
    def from_rydberg(cls, values: ArrayLike, cell: ArrayLike) -> PotentialGrid:
        """Make a grid from values (n1, n2, n3) in Ry, as pp.x writes them, and a cell in Å.

        Raises
        ------
        ValueError
            As for the class.
        """
        return cls(np.asarray(cell, float), np.asarray(values, float) * Rydberg)

    @classmethod
    def from_pp(
        cls,
        data: ArrayLike,
        voxel: ArrayLike,
        *,
        data_units: Any = _PP_DATA,
        coordinates_units: Any = _PP_COORDINATES,
        cell: ArrayLike | None = None,
    ) -> PotentialGrid:
        """Make a grid from arrays that aiida-quantumespresso parses from pp.x (plot_num 11, 3D).

        Parameters
        ----------
        data : (n1, n2, n3)
            Values in Ry.
        voxel : (3, 3)
            Steps of the grid as rows, in bohr.
        data_units, coordinates_units
            Units as parsed; others than Ry and bohr are refused.
        cell : (3, 3)
            Cell of the structure, in Å. It replaces that of the grid, which has fewer digits, and
            the grid must span it exactly once.

        Raises
        ------
        ValueError
            If the units differ, the grid does not span the cell, or as for the class.
        """
        for name, found, wanted in (
            ("data", data_units, _PP_DATA),
            ("coordinates", coordinates_units, _PP_COORDINATES),
        ):
            if str(np.asarray(found).item()) != wanted:
                raise ValueError(f"the {name} of a potential are in {found}, not in {wanted}")
        values, steps = np.asarray(data, float), np.asarray(voxel, float)
        if values.ndim != 3 or steps.shape != (3, 3):
            raise ValueError(f"data {values.shape} and voxel {steps.shape} are not a grid in 3D")
        grid = cls.from_rydberg(values, steps * np.array(values.shape)[:, None] * Bohr)
        return grid if cell is None else grid.with_cell(cell)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of points along each lattice vector."""
        n1, n2, n3 = self.values.shape
        return n1, n2, n3

    @property
    def voxel(self) -> FloatArray:
        """(3, 3) steps from one point to the next along each lattice vector, as rows, in Å."""
        return np.asarray(self.cell / np.array(self.shape)[:, None])

    def with_cell(self, cell: ArrayLike) -> PotentialGrid:
        """Return the same values with the cell (3, 3) of a structure, in Å.

        Raises
        ------
        ValueError
            If the two cells differ by more than the precision of files: the grid may repeat its
            first points at the end, or span a different or rotated cell.
        """
        wanted = np.asarray(cell, float)
        if wanted.shape != (3, 3) or not are_cells_equal(self.cell, wanted):
            raise ValueError(
                f"the potential spans the cell {self.cell.round(4).tolist()} and not that of the "
                f"structure, {wanted.round(4).tolist()}: plot it on the FFT grid of the same "
                "calculation (without nx, ny, nz and e1, e2, e3 in PLOT)"
            )
        return PotentialGrid(wanted, self.values)


def are_cells_equal(left: FloatArray, right: FloatArray) -> bool:
    """Return whether two cells (3, 3) are equal to the precision of files."""
    longest = np.linalg.norm(right, axis=1).max()
    return bool(np.abs(left - right).max() <= _SAME_CELL * longest)


def read_cube(path: str | PathLike[str], unit: Unit = "Ry") -> PotentialGrid:
    """Read the potential of an electron from a Gaussian cube file, as pp.x writes it (plot_num 11).

    Parameters
    ----------
    path
        Cube file whose grid starts at the origin and spans the cell once.
    unit
        Unit of the values, which the file does not contain.

    Raises
    ------
    ValueError
        If the file is not such a cube file.
    OSError
        If the file cannot be read.
    """
    if unit not in _UNITS:
        raise ValueError(f"unit {unit!r} of a potential is unknown: use {', '.join(_UNITS)}")
    with open(path, encoding="utf-8") as file:
        try:
            cube = parse_cube(file)
        except (IndexError, ValueError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: this is not a cube file ({error})") from None
    if np.abs(cube["origin"]).max() > _SAME_ORIGIN:
        raise ValueError(f"{path}: its grid starts at {cube['origin'].tolist()} Å, not at 0")
    return PotentialGrid(np.asarray(cube["atoms"].cell), np.asarray(cube["data"]) * _UNITS[unit])
