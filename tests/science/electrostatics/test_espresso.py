"""Sign, origin, axes and units of potentials from pp.x itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from espresso import missing, potential
from potentials import fractions, host_of

from aiida_hpaint.science.electrostatics import PotentialGrid, find_sites, read_cube
from aiida_hpaint.science.electrostatics.interpolation import FourierSeries
from aiida_hpaint.science.evaluation.equivalence import compute_site_distances

pytestmark = [
    pytest.mark.dft,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
]

FCC = 2.04 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
SKEWED = np.array([[2.6, 0.1, -0.2], [0.7, 3.3, 0.0], [0.0, 0.4, 4.5]])


def test_hydride_ions_go_to_the_octahedra_of_lithium(tmp_path: Path) -> None:
    lithium = np.array([[0.1, 0.2, 0.3]])
    host = host_of(FCC, lithium)
    sites = find_sites(read_cube(potential(host, tmp_path, charge=-1)), host)
    assert sites.orbits.tolist() == [0, 1, 1]
    wanted = lithium + np.array([[0.5, 0.5, 0.5], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]])
    distances = compute_site_distances(FCC, wanted, sites.frac_coords)
    assert distances[0, 0] < 1e-3
    assert distances[1:, 1:].min(0).max() < 1e-3


def test_an_electron_is_lowest_at_the_atoms_and_nowhere_else(tmp_path: Path) -> None:
    frac = np.array([[0.1, 0.2, 0.3], [0.6, 0.75, 0.85]])
    host = host_of(SKEWED, frac, (3, 9))
    cube = potential(host, tmp_path, charge=-1)
    grid = read_cube(cube).with_cell(SKEWED)
    assert len(set(grid.shape)) == 3
    points = fractions(grid.shape).reshape(-1, 3)
    away = compute_site_distances(SKEWED, points, frac).min(1)
    values = grid.values.ravel()
    assert away[values.argmin()] < 0.3
    assert FourierSeries.through(grid.values).expand(frac).values.max() < values[away > 1.0].min()
    # Any other order of the axes, another origin or sign puts atoms where the potential is high.
    sites = find_sites(grid, host)
    assert compute_site_distances(SKEWED, sites.frac_coords, frac).min() > 1.0


@pytest.mark.usefixtures("profile")
def test_pp_plots_the_fft_grid_as_the_parser_of_aiida_reads_it(tmp_path: Path) -> None:
    from aiida_quantumespresso.parsers.pp import PpParser

    host = host_of(SKEWED, [[0.1, 0.2, 0.3]])
    cube = potential(host, tmp_path, charge=0)
    node = PpParser.parse_gaussian(cube.read_text("utf-8"), PpParser.units_dict[11])
    names = ("data", "voxel", "data_units", "coordinates_units")
    arrays = {name: node.get_array(name) for name in names}
    parsed, ours = PotentialGrid.from_pp(**arrays, cell=SKEWED), read_cube(cube)
    np.testing.assert_allclose(parsed.values, ours.values)
    np.testing.assert_allclose(parsed.cell, ours.cell, atol=1e-4)
