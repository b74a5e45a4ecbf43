from __future__ import annotations

import numpy as np
import pytest
from potentials import host_of, ions

from aiida_hpaint.science.electrostatics import PotentialGrid, find_sites
from aiida_hpaint.science.electrostatics.starting_points import (
    join_starting_points,
    make_starting_points,
    refine_starting_points,
)
from aiida_hpaint.science.evaluation.equivalence import compute_site_distances
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.restoration import restore_from_starting_points
from aiida_hpaint.science.settings import PinballSettings, SamplingSettings
from aiida_hpaint.science.stages import propose_and_filter
from aiida_hpaint.science.structures import StructureBatch, add_sites, concatenate
from aiida_hpaint.science.structures.status import SampleStatus

FCC = 2.04 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
LITHIUM = np.array([[0.1, 0.2, 0.3]])
OCTAHEDRON = LITHIUM + 0.5


@pytest.fixture(scope="module")
def grid() -> PotentialGrid:
    return ions(FCC, LITHIUM, [1], (24, 24, 24))


def host(count: int = 1, label: str = "host") -> StructureBatch:
    bare = host_of(FCC, LITHIUM)
    named = StructureBatch(
        (label,),
        bare.cells,
        bare.site_counts,
        bare.numbers,
        bare.frac_coords,
        bare.inserted,
        metadata=({"id": label},),
    )
    return add_sites(named, {"H": count})


def test_the_best_maximum_is_the_first_starting_point(grid: PotentialGrid) -> None:
    starting_points = make_starting_points([grid], host())
    assert starting_points.scalars["sample"].tolist() == list(range(len(starting_points)))
    # one octahedron, and two tetrahedra that symmetry makes equal
    assert len(starting_points) == 2
    first = starting_points[0]
    assert compute_site_distances(FCC, first.frac_coords[first.inserted], OCTAHEDRON).max() < 1e-6
    assert set(starting_points.scalars["status"]) == {SampleStatus.SAMPLED.value}
    assert set(starting_points.scalars["origin"]) == {"peaks"}
    assert (np.diff(starting_points.scalars["energy_pinball"]) >= 0).all()
    np.testing.assert_array_equal(first.frac_coords[~first.inserted], LITHIUM)
    assert first.metadata == ({"id": "host"},)
    assert starting_points.history[-1]["model"] == {"name": "peaks"}


def test_sites_do_as_well_as_grids(grid: PotentialGrid) -> None:
    sites = find_sites(grid, host())
    left, right = (
        make_starting_points([grid], host(2), 3),
        make_starting_points([sites], host(2), 3),
    )
    np.testing.assert_array_equal(left.frac_coords, right.frac_coords)


def test_starting_points_do_not_depend_on_the_hosts_beside_them(grid: PotentialGrid) -> None:
    hosts = concatenate([host(2, "a"), host(5, "b"), host(1, "c")])
    together = make_starting_points([grid] * 3, hosts, 3)
    assert together.scalars["host"].tolist() == sorted(together.scalars["host"].tolist())
    for place in range(3):
        alone = make_starting_points([grid], hosts[place], 3)
        members = together[np.flatnonzero(together.scalars["host"] == place)]
        np.testing.assert_array_equal(members.frac_coords, alone.frac_coords)
        np.testing.assert_array_equal(members.scalars["sample"], alone.scalars["sample"])


def test_sites_beyond_the_maxima_are_placed_at_random(grid: PotentialGrid) -> None:
    starting_points = make_starting_points([grid], host(4))
    assert starting_points.placed.all()
    placed = starting_points[0].frac_coords[starting_points[0].inserted]
    sites = find_sites(grid, host()).frac_coords
    np.testing.assert_allclose(compute_site_distances(FCC, sites, placed).min(1), 0, atol=1e-9)
    apart = compute_site_distances(FCC, placed, placed) + 9 * np.eye(4)
    assert apart.min() > 0.4
    np.testing.assert_array_equal(
        make_starting_points([grid], host(4)).frac_coords, starting_points.frac_coords
    )


def test_a_host_without_maxima_has_failed() -> None:
    flat = PotentialGrid(FCC, np.zeros((4, 4, 4)))
    starting_points = make_starting_points([flat], host(2))
    assert starting_points.scalars["status"].tolist() == [SampleStatus.FAILED.value]
    assert not starting_points.placed[0]
    assert "no maximum" in starting_points.metadata[0]["error"]


def test_displacements_move_every_starting_point(grid: PotentialGrid) -> None:
    starting_points = make_starting_points(
        [grid], host(), pinball=PinballSettings(displacement=0.2)
    )
    moved = compute_site_distances(
        FCC, starting_points[0].frac_coords[starting_points[0].inserted], OCTAHEDRON
    )
    np.testing.assert_allclose(moved, 0.2, atol=1e-6)


def test_hosts_that_do_not_fit_are_refused(grid: PotentialGrid) -> None:
    with pytest.raises(ValueError, match="1 potentials for 2 hosts"):
        make_starting_points([grid], concatenate([host(), host()]))
    mixed = add_sites(host_of(FCC, LITHIUM), {"H": 1, "Li": 1})
    with pytest.raises(ValueError, match="H and Li to insert"):
        make_starting_points([grid], mixed)
    with pytest.raises(ValueError, match="nothing to insert"):
        join_starting_points([None], host_of(FCC, LITHIUM))


def test_filtering_takes_starting_points(grid: PotentialGrid) -> None:
    settings = load_protocol("balanced")
    starting_points = make_starting_points([grid], host())
    filtered = propose_and_filter(starting_points, settings.symmetry, settings.filter)
    assert filtered.scalars["origin"][: len(starting_points)].tolist() == ["peaks"] * len(
        starting_points
    )
    assert filtered.scalars["status"][0] == SampleStatus.SAMPLED.value


def test_a_model_samples_around_starting_points(grid: PotentialGrid) -> None:
    flat = PotentialGrid(FCC, np.zeros((4, 4, 4)))
    hosts = concatenate([host(1, "a"), host(1, "b"), host(1, "c")])
    starting_points = make_starting_points([grid, flat, grid], hosts)
    settings = SamplingSettings(samples=2, start_time=0.05)
    drawn = refine_starting_points(starting_points, settings)
    assert drawn.scalars["host"].tolist() == [0] * 4 + [2] * 4
    assert drawn.scalars["sample"].tolist() == [0, 1, 2, 3] * 2
    first = drawn[0].frac_coords[drawn[0].inserted]
    assert 1e-4 < compute_site_distances(FCC, first, OCTAHEDRON).max() < 1.0
    with pytest.raises(ValueError, match="forgets the starting points"):
        refine_starting_points(starting_points, SamplingSettings())
    with pytest.raises(ValueError, match="no starting point has positions"):
        refine_starting_points(starting_points[[2]], settings)


@pytest.mark.slow
def test_lithium_hydride_is_restored_from_its_potential(grid: PotentialGrid) -> None:
    plain = {"symmetry": {"symmetrised": False, "wyckoff": 0}}
    found = restore_from_starting_points(
        host(), make_starting_points([grid], host()), load_protocol("fast", plain)
    )
    best = found.best
    assert compute_site_distances(FCC, best.frac_coords[best.inserted], OCTAHEDRON).max() < 1e-3
