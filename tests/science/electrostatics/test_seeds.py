from __future__ import annotations

import numpy as np
import pytest
from potentials import host_of, ions

from aiida_hpaint.science.electrostatics import PotentialGrid, find_sites
from aiida_hpaint.science.electrostatics.seeds import join_seeds, refine_seeds, seed_samples
from aiida_hpaint.science.evaluation.equivalence import site_distances
from aiida_hpaint.science.funnel import winnow
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.restoration import restore_from_seeds
from aiida_hpaint.science.settings import PinballSettings, SamplingSettings
from aiida_hpaint.science.structures import StructureBatch, add_sites, concatenate
from aiida_hpaint.science.structures.fate import Fate

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


def test_the_best_maximum_is_the_first_seed(grid: PotentialGrid) -> None:
    seeds = seed_samples([grid], host())
    assert seeds.scalars["sample"].tolist() == list(range(len(seeds)))
    # one octahedron, and two tetrahedra that symmetry makes equal
    assert len(seeds) == 2
    first = seeds[0]
    assert site_distances(FCC, first.frac_coords[first.inserted], OCTAHEDRON).max() < 1e-6
    assert set(seeds.scalars["fate"]) == {Fate.SAMPLED.value}
    assert set(seeds.scalars["origin"]) == {"peaks"}
    assert (np.diff(seeds.scalars["energy_pinball"]) >= 0).all()
    np.testing.assert_array_equal(first.frac_coords[~first.inserted], LITHIUM)
    assert first.metadata == ({"id": "host"},)
    assert seeds.history[-1]["model"] == {"name": "peaks"}


def test_sites_do_as_well_as_grids(grid: PotentialGrid) -> None:
    sites = find_sites(grid, host())
    left, right = seed_samples([grid], host(2), 3), seed_samples([sites], host(2), 3)
    np.testing.assert_array_equal(left.frac_coords, right.frac_coords)


def test_seeds_do_not_depend_on_the_hosts_beside_them(grid: PotentialGrid) -> None:
    hosts = concatenate([host(2, "a"), host(5, "b"), host(1, "c")])
    together = seed_samples([grid] * 3, hosts, 3)
    assert together.scalars["host"].tolist() == sorted(together.scalars["host"].tolist())
    for place in range(3):
        alone = seed_samples([grid], hosts[place], 3)
        members = together[np.flatnonzero(together.scalars["host"] == place)]
        np.testing.assert_array_equal(members.frac_coords, alone.frac_coords)
        np.testing.assert_array_equal(members.scalars["sample"], alone.scalars["sample"])


def test_sites_beyond_the_maxima_are_placed_at_random(grid: PotentialGrid) -> None:
    seeds = seed_samples([grid], host(4))
    assert seeds.placed.all()
    placed = seeds[0].frac_coords[seeds[0].inserted]
    sites = find_sites(grid, host()).frac_coords
    np.testing.assert_allclose(site_distances(FCC, sites, placed).min(1), 0, atol=1e-9)
    apart = site_distances(FCC, placed, placed) + 9 * np.eye(4)
    assert apart.min() > 0.4
    np.testing.assert_array_equal(seed_samples([grid], host(4)).frac_coords, seeds.frac_coords)


def test_a_host_without_maxima_has_failed() -> None:
    flat = PotentialGrid(FCC, np.zeros((4, 4, 4)))
    seeds = seed_samples([flat], host(2))
    assert seeds.scalars["fate"].tolist() == [Fate.FAILED.value]
    assert not seeds.placed[0]
    assert "no maximum" in seeds.metadata[0]["error"]


def test_nudges_move_every_seed(grid: PotentialGrid) -> None:
    seeds = seed_samples([grid], host(), pinball=PinballSettings(nudge=0.2))
    moved = site_distances(FCC, seeds[0].frac_coords[seeds[0].inserted], OCTAHEDRON)
    np.testing.assert_allclose(moved, 0.2, atol=1e-6)


def test_what_cannot_be_seeded_is_refused(grid: PotentialGrid) -> None:
    with pytest.raises(ValueError, match="1 potentials for 2 hosts"):
        seed_samples([grid], concatenate([host(), host()]))
    mixed = add_sites(host_of(FCC, LITHIUM), {"H": 1, "Li": 1})
    with pytest.raises(ValueError, match="H and Li to insert"):
        seed_samples([grid], mixed)
    with pytest.raises(ValueError, match="nothing to insert"):
        join_seeds([None], host_of(FCC, LITHIUM))


def test_the_funnel_takes_seeds(grid: PotentialGrid) -> None:
    settings = load_protocol("balanced")
    seeds = seed_samples([grid], host())
    sifted = winnow(seeds, settings.symmetry, settings.sift)
    assert sifted.scalars["origin"][: len(seeds)].tolist() == ["peaks"] * len(seeds)
    assert sifted.scalars["fate"][0] == Fate.SAMPLED.value


def test_a_model_draws_around_seeds(grid: PotentialGrid) -> None:
    flat = PotentialGrid(FCC, np.zeros((4, 4, 4)))
    hosts = concatenate([host(1, "a"), host(1, "b"), host(1, "c")])
    seeds = seed_samples([grid, flat, grid], hosts)
    settings = SamplingSettings(samples=2, start_time=0.05)
    drawn = refine_seeds(seeds, settings)
    assert drawn.scalars["host"].tolist() == [0] * 4 + [2] * 4
    assert drawn.scalars["sample"].tolist() == [0, 1, 2, 3] * 2
    first = drawn[0].frac_coords[drawn[0].inserted]
    assert 1e-4 < site_distances(FCC, first, OCTAHEDRON).max() < 1.0
    with pytest.raises(ValueError, match="forgets the seeds"):
        refine_seeds(seeds, SamplingSettings())
    with pytest.raises(ValueError, match="no seed has positions"):
        refine_seeds(seeds[[2]], settings)


@pytest.mark.slow
def test_lithium_hydride_is_restored_from_its_potential(grid: PotentialGrid) -> None:
    plain = {"symmetry": {"symmetrised": False, "wyckoff": 0}}
    found = restore_from_seeds(host(), seed_samples([grid], host()), load_protocol("fast", plain))
    best = found.best
    assert site_distances(FCC, best.frac_coords[best.inserted], OCTAHEDRON).max() < 1e-3
