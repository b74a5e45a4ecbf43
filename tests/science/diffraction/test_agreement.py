"""Measured patterns, agreement with them, and what they can tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.science.diffraction import (
    PeakShape,
    Radiation,
    compute_profile,
    compute_reflections,
    estimate_needed_counts,
    fit_pattern,
    read_measurement,
)
from aiida_hpaint.science.structures import HostError, StructureBatch, read_hosts
from aiida_hpaint.science.types import FloatArray

BRUCITE = Path(__file__).parents[3] / "examples" / "references" / "brucite.cif"
DEUTERIUM = Radiation("neutron", 1.5, deuterated=True)
GRID = np.arange(10, 90, 0.1)


def make_wrong(right: StructureBatch) -> StructureBatch:
    coords = right.frac_coords.copy()
    coords[right.numbers == 1] += [0.12, 0, 0]
    return right.with_coords(coords)


@pytest.fixture(scope="module")
def counts() -> FloatArray:
    shape = PeakShape(w=0.06, u=0.02, shift=0.05)
    pattern = compute_profile(compute_reflections(read_hosts(BRUCITE), DEUTERIUM), GRID, shape)
    expected = 3000 * pattern / pattern.max() + 200 + GRID
    return np.random.default_rng(0).poisson(expected).astype(np.float64)


def write_xye(path: Path, counts: FloatArray) -> Path:
    np.savetxt(path, np.column_stack([GRID, counts, np.sqrt(counts)]), header="measured by hand")
    return path


def test_the_right_structure_fits_best(counts: FloatArray, tmp_path: Path) -> None:
    right = read_hosts(BRUCITE)
    measurement = read_measurement(write_xye(tmp_path / "brucite.xye", counts))
    good, bad = (
        fit_pattern(measurement, compute_reflections(one, DEUTERIUM))
        for one in (right, make_wrong(right))
    )
    assert good.r_weighted < bad.r_weighted
    # 800 points, for which chi² per point scatters by 0.05 around 1.
    assert good.chi_squared == pytest.approx(1, abs=0.2)
    assert bad.chi_squared > good.chi_squared + 0.1
    assert good.shape.shift == pytest.approx(0.05, abs=0.01)


def test_powder_blocks_of_cifs_are_read(counts: FloatArray, tmp_path: Path) -> None:
    path = tmp_path / "pattern.cif"
    lines = [
        "data_pattern",
        "_diffrn_radiation_probe neutron",
        "_diffrn_radiation_wavelength 1.5",
        f"_pd_meas_2theta_range_min {GRID[0]}",
        f"_pd_meas_2theta_range_max {GRID[-1]}",
        "loop_ _pd_meas_counts_total",
        *(f"{count:.0f}" for count in counts),
    ]
    path.write_text("\n".join(lines))
    found = read_measurement(path)
    assert (found.kind, found.wavelength) == ("neutron", 1.5)
    np.testing.assert_allclose(found.two_theta, GRID)
    np.testing.assert_allclose(found.errors, np.sqrt(counts))
    assert "those of counts were assumed" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.xy", "two theta\n1 2\n", "1 points"),
        ("a.xy", "\n".join(f"{10 * i} 5" for i in range(30)), "from 0 to 290"),
        ("a.cif", "data_a\n_cell_length_a 3\n", "no powder pattern"),
    ],
)
def test_what_is_no_pattern_is_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(HostError, match=message):
        read_measurement(tmp_path / name)


def test_neutrons_tell_apart_what_x_rays_hardly_do() -> None:
    right = read_hosts(BRUCITE)
    needed = {}
    for radiation in (DEUTERIUM, Radiation()):
        pair = [compute_reflections(one, radiation) for one in (right, make_wrong(right))]
        profiles = np.stack([compute_profile(one, GRID, PeakShape()) for one in pair])
        needed[radiation.kind] = estimate_needed_counts(profiles)
    assert needed["x-ray"][0, 1] > 100 * needed["neutron"][0, 1]
    assert np.isinf(np.diag(needed["neutron"])).all()


def test_the_command_ranks_structures_by_their_agreement(
    counts: FloatArray, tmp_path: Path
) -> None:
    measured = write_xye(tmp_path / "brucite.xye", counts)
    figure = tmp_path / "fits.svg"
    arguments = ["--measured", str(measured), "--radiation", "neutron", "--deuterated"]
    result = CliRunner().invoke(main, ["powder", str(BRUCITE), *arguments, "-o", str(figure)])
    assert result.exit_code == 0, result.output
    assert "Rwp" in result.output
    assert "no wavelength: 1.54056" in result.stderr
    assert figure.stat().st_size > 0


def test_the_command_says_what_can_be_told_apart(tmp_path: Path) -> None:
    figure = tmp_path / "patterns.svg"
    result = CliRunner().invoke(main, ["powder", str(BRUCITE), str(BRUCITE), "-o", str(figure)])
    assert result.exit_code == 0, result.output
    assert "never" in result.output
    assert figure.stat().st_size > 0
