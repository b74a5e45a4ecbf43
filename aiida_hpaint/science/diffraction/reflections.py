"""Positions and intensities of the reflections of a powder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["B_HYDROGEN", "B_OTHER", "Radiation", "Reflections", "compute_reflections"]

B_HYDROGEN = 2.0
"""Isotropic displacement parameter B of H in Å², typical of hydroxides at room temperature."""

B_OTHER = 0.7
"""That of all other elements, Å²."""

_CLOSE = 1e-4
"""Bragg angles 2θ in degrees that are one: those of equivalent reflections differ by rounding."""

_LARGEST_BLOCK = 4_000_000


@dataclass(frozen=True)
class Radiation:
    """What is diffracted.

    Attributes
    ----------
    kind
        X-rays see electrons, neutrons see nuclei.
    wavelength
        Å.
    deuterated
        Whether H is deuterium, which matters for neutrons only: the scattering lengths are -3.739
        and 6.671 fm.
    """

    kind: Literal["x-ray", "neutron"] = "x-ray"
    wavelength: float = 1.54056
    deuterated: bool = False


@dataclass(frozen=True)
class Reflections:
    """Reflections of a powder.

    Attributes
    ----------
    two_theta : (R,)
        Bragg angles 2θ in degrees, ascending.
    intensities : (R,)
        Integrated intensities of all equivalent reflections for one cell: squared structure factor
        times Lorentz and polarisation factor, in electrons² or fm².
    """

    two_theta: FloatArray
    intensities: FloatArray


def compute_reflections(
    structure: StructureBatch, radiation: Radiation, largest_angle: float = 120.0
) -> Reflections:
    """Compute the reflections of a powder up to a Bragg angle 2θ in degrees.

    Scattering factors are those of the International Tables C (X-rays: table 6.1.1.4, neutrons:
    table 4.4.4.1), as gemmi has them. Neither anomalous scattering nor absorption is included.

    Parameters
    ----------
    structure
        Batch of one structure, all of whose sites have positions.

    Raises
    ------
    ValueError
        If no reflection is within the angle, or an element has no scattering factor.
    """
    import gemmi

    cell = np.asarray(structure.cells[0])
    shortest = radiation.wavelength / (2 * np.sin(np.radians(largest_angle / 2)))
    lengths, angles = _measure_cell(cell)
    # Half of all reflections: those of opposite sign are as strong, as nothing is anomalous.
    unit = gemmi.UnitCell(*lengths, *angles)
    hkl = np.asarray(gemmi.make_miller_array(unit, gemmi.SpaceGroup(1), float(shortest))).astype(
        np.int64
    )
    if not len(hkl):
        raise ValueError(
            f"{structure.labels[0]} has no reflection up to 2θ = {largest_angle:g}° at "
            f"{radiation.wavelength:g} Å: take a shorter wavelength"
        )
    inverse = np.linalg.norm(hkl @ np.linalg.inv(cell).T, axis=1)
    intensities = 2 * _square_structure_factors(structure, hkl, inverse, radiation)
    theta = np.arcsin(np.clip(radiation.wavelength * inverse / 2, 0, 1))
    intensities = intensities / (np.sin(theta) ** 2 * np.cos(theta))
    if radiation.kind == "x-ray":
        intensities = intensities * (1 + np.cos(2 * theta) ** 2) / 2
    return _merge(np.degrees(2 * theta), intensities)


def _measure_cell(cell: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return lengths in Å and angles in degrees of the cell (3, 3)."""
    lengths = np.linalg.norm(cell, axis=1)
    unit = cell / lengths[:, None]
    cosines = np.array([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]])
    return lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def _square_structure_factors(
    structure: StructureBatch, hkl: IntArray, inverse: FloatArray, radiation: Radiation
) -> FloatArray:
    """Return |F|² of the (R, 3) Miller indices, whose 1/d is `inverse` in 1/Å."""
    squared = (inverse / 2) ** 2
    species, kinds = np.unique(structure.numbers, return_inverse=True)
    factors = np.stack([_compute_factors(int(number), squared, radiation) for number in species])
    found = np.empty(len(hkl))
    size = max(1, _LARGEST_BLOCK // len(structure.numbers))
    for start in range(0, len(hkl), size):
        rows = slice(start, start + size)
        phases = np.exp(2j * np.pi * (hkl[rows] @ structure.frac_coords.T))
        found[rows] = np.abs((factors[kinds][:, rows].T * phases).sum(axis=1)) ** 2
    return found


def _compute_factors(number: int, squared: FloatArray, radiation: Radiation) -> FloatArray:
    """Return the (R,) scattering factors of an element at (sin θ / λ)², with its motion."""
    import gemmi

    symbol = "D" if number == 1 and radiation.deuterated else get_symbol(number)
    element = gemmi.Element(symbol)
    if radiation.kind == "neutron":
        length = element.neutron92
        if length is None or not length.get_coefs()[0]:
            raise ValueError(f"the neutron scattering length of {symbol} is not known")
        factors = np.full_like(squared, length.get_coefs()[0])
    else:
        if element.it92 is None:
            raise ValueError(f"the X-ray scattering factor of {symbol} is not known")
        table = np.asarray(element.it92.get_coefs())
        heights, widths, constant = table[:4, None], table[4:8, None], table[8]
        factors = (heights * np.exp(-widths * squared)).sum(axis=0) + constant
    motion = B_HYDROGEN if number == 1 else B_OTHER
    return np.asarray(factors * np.exp(-motion * squared))


def _merge(two_theta: FloatArray, intensities: FloatArray) -> Reflections:
    """Add up the intensities of reflections at the same angle."""
    order = np.argsort(two_theta, kind="stable")
    two_theta, intensities = two_theta[order], intensities[order]
    groups = np.concatenate([[0], np.cumsum(np.diff(two_theta) > _CLOSE)])
    totals = np.bincount(groups, intensities).astype(np.float64)
    first = np.searchsorted(groups, np.arange(len(totals)))
    return Reflections(two_theta[first], totals)
