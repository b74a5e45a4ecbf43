"""Reflections and profiles, beside pymatgen's calculators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.diffraction.neutron import NDCalculator
from pymatgen.analysis.diffraction.xrd import XRDCalculator

from aiida_hpaint.science.diffraction import (
    PeakShape,
    Radiation,
    compute_profile,
    compute_reflections,
)
from aiida_hpaint.science.diffraction.reflections import B_HYDROGEN, B_OTHER
from aiida_hpaint.science.structures import StructureBatch, from_pymatgen, read_hosts, to_pymatgen

REFERENCES = Path(__file__).parents[3] / "examples" / "references"


def read(name: str) -> StructureBatch:
    return read_hosts(REFERENCES / f"{name}.cif")


@pytest.mark.parametrize("name", ["brucite", "diaspore", "sodium_alanate"])
@pytest.mark.parametrize("kind", ["x-ray", "neutron"])
def test_patterns_equal_those_of_pymatgen(name: str, kind: str) -> None:
    crystal = read(name)
    (structure,) = to_pymatgen(crystal)
    motions = {str(element): B_OTHER for element in structure.elements} | {"H": B_HYDROGEN}
    calculator = XRDCalculator if kind == "x-ray" else NDCalculator
    theirs = calculator(wavelength=1.54056, debye_waller_factors=motions).get_pattern(
        structure, two_theta_range=(0, 119)
    )
    ours = compute_reflections(crystal, Radiation(kind), 119)  # type: ignore[arg-type]
    shares = 100 * ours.intensities / ours.intensities.max()
    for angle in theirs.x:
        # pymatgen adds up what is less than 0.01 degrees apart.
        ours_here = shares[np.abs(ours.two_theta - angle) < 0.011].sum()
        theirs_here = theirs.y[np.abs(theirs.x - angle) < 0.011].sum()
        # Tables of X-ray factors are fits of different form to the same values, and pymatgen's
        # differ most for H; scattering lengths of neutrons are numbers.
        allowed = 0.5 if kind == "x-ray" else 0.15
        assert ours_here == pytest.approx(theirs_here, rel=0.05, abs=allowed)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_intensities_do_not_depend_on_origin_and_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crystal = read("diaspore")
    moved = crystal.with_coords(crystal.frac_coords + rng.random(3))
    (doubled,) = to_pymatgen(crystal)
    doubled.make_supercell([[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
    expected = compute_reflections(crystal, Radiation(), 60)
    shifted = compute_reflections(moved, Radiation(), 60)
    np.testing.assert_allclose(shifted.intensities, expected.intensities, rtol=1e-6, atol=1e-6)
    larger = compute_reflections(from_pymatgen([doubled]), Radiation(), 60)
    # Twice the atoms scatter four times as strongly; what is extinct is so but for rounding.
    many, few = (
        {round(a, 2): i for a, i in zip(r.two_theta, r.intensities, strict=True) if i > 0.01}
        for r in (larger, expected)
    )
    assert many == pytest.approx(
        {angle: 4 * intensity for angle, intensity in few.items()}, rel=1e-6
    )


def test_deuterium_changes_neutron_patterns_only() -> None:
    crystal = read("brucite")
    light, heavy = (
        compute_reflections(crystal, Radiation("neutron", 1.5, deuterated), 60).intensities
        for deuterated in (False, True)
    )
    assert not np.allclose(light, heavy)
    assert np.array_equal(
        *(compute_reflections(crystal, Radiation("x-ray", 1.5, d), 60).intensities for d in (0, 1))  # type: ignore[arg-type]
    )


def test_peaks_have_the_area_of_their_reflections() -> None:
    crystal = read("brucite")
    reflections = compute_reflections(crystal, Radiation(), 60)
    grid = np.arange(1, 100, 0.005)
    profile = compute_profile(reflections, grid, PeakShape(w=0.04, mixing=0.0))
    assert float((profile * 0.005).sum()) == pytest.approx(reflections.intensities.sum(), rel=1e-3)


def test_a_wavelength_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="take a shorter wavelength"):
        compute_reflections(read("brucite"), Radiation(wavelength=20.0), 60)
