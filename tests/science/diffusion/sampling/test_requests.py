from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.diffusion.sampling.generators import SampledPath
from aiida_hpaint.science.diffusion.sampling.random_streams import make_random_stream
from aiida_hpaint.science.diffusion.sampling.requests import make_requests, restore_order
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import read_parents, write_parents

NUMBERS = np.array([12, 8, 8, 7, 1, 1, 1, 1])
PARENTS = [3, 1, 1, 2]


def make_host(seed: int = 0) -> StructureBatch:
    rng = np.random.default_rng(seed)
    frac = rng.random((8, 3))
    frac[NUMBERS == 1] = np.nan
    cell = np.diag([5.0, 6.0, 7.0]) + rng.normal(0, 0.3, (3, 3))
    host = StructureBatch(("x",), cell[None], [8], NUMBERS, frac, NUMBERS == 1)
    return write_parents(host, [PARENTS])


def rewrite(host: StructureBatch, seed: int, shift: np.ndarray) -> StructureBatch:
    """Write the same crystal in another orientation, with other orders and another origin."""
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(~host.inserted)
    order = rng.permutation(known)
    parents = np.argsort(order)[read_parents(host)]
    sites = np.concatenate([order, np.flatnonzero(host.inserted)])
    moved = replace(
        host,
        cells=host.cells @ Rotation.random(random_state=seed).as_matrix(),
        numbers=host.numbers[sites],
        frac_coords=host.frac_coords[sites] + shift,
        inserted=host.inserted[sites],
    )
    return write_parents(moved, [rng.permutation(parents)])


def sort_by_parent(sample: StructureBatch) -> np.ndarray:
    """Return the inserted sites, those of the same parent in the order of the sample."""
    parents = read_parents(sample)
    place = np.mod(sample.frac_coords[parents], 1).round(6)
    order = np.lexsort((*place.T, sample.numbers[parents]))
    return np.asarray(sample.frac_coords[sample.inserted][order])


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_sites_are_asked_for_in_an_order_that_the_list_of_a_file_does_not_change(seed: int) -> None:
    host = make_host(seed)
    moved = rewrite(host, seed, np.random.default_rng(seed).random(3))
    one, other = (make_requests(each, SamplingSettings(samples=1))[0] for each in (host, moved))
    carriers = [each.frac[each.parents] for each in (one, other)]
    shift = carriers[0] - carriers[1]
    assert np.abs(shift - np.round(shift)).max() < 1e-6
    assert one.rng.random() == other.rng.random()


@pytest.mark.parametrize("generator", ["bundled", "random"])
@pytest.mark.parametrize("seed", range(2))
def test_guided_samples_do_not_depend_on_the_setting(generator: str, seed: int) -> None:
    host = make_host()
    shift = np.random.default_rng(seed).random(3)
    moved = rewrite(host, seed, shift)
    options = SamplingSettings(generator=generator, samples=2, steps=12)
    before, after = (generate(each, options) for each in (host, moved))
    for row in range(2):
        unmoved = after[row].with_coords(after[row].frac_coords - shift)
        gaps = sort_by_parent(before[row]) - sort_by_parent(unmoved)
        assert np.abs(gaps - np.round(gaps)).max() < 1e-6


@pytest.mark.parametrize("generator", ["bundled", "random"])
def test_what_is_not_to_be_used_changes_nothing(generator: str) -> None:
    host, options = make_host(), SamplingSettings(generator=generator, samples=2, steps=6)
    bare = generate(replace(host, metadata=({},)), options)
    unused = generate(host, options.model_copy(update={"use_parents": False}))
    unknown = generate(write_parents(host, [[-1] * 4]), options)
    assert np.array_equal(unused.frac_coords, bare.frac_coords)
    assert np.array_equal(unknown.frac_coords, bare.frac_coords)
    assert not np.array_equal(generate(host, options).frac_coords, bare.frac_coords)


def test_neighbours_in_a_batch_do_not_matter(hosts: StructureBatch) -> None:
    host = make_host()
    options = SamplingSettings(samples=2, steps=6)
    together = generate(concatenate([hosts, host]), options)
    alone = generate(host, options)
    gaps = together[np.arange(-2, 0)].frac_coords - alone.frac_coords
    assert np.abs(gaps - np.round(gaps)).max() < 1e-7


def test_positions_come_back_in_the_order_of_the_host() -> None:
    (request,) = make_requests(make_host(), SamplingSettings(samples=1))
    listed = np.arange(12.0).reshape(4, 3)
    asked = listed[request.order]
    path = restore_order(request, SampledPath(asked, [asked, asked + 1], [asked + 2]))
    assert np.array_equal(path.final, listed)
    assert np.array_equal(path.positions[1], listed + 1)
    assert np.array_equal(path.means[0], listed + 2)
    assert np.array_equal(request.parents, np.array(PARENTS)[request.order])


def test_known_carriers_change_the_random_numbers_and_their_order_does_not() -> None:
    def draw(*carriers: int) -> float:
        stream = make_random_stream(0, 0, NUMBERS, NUMBERS == 1, np.array(carriers, dtype=int))
        return float(stream.random())

    assert draw() == float(make_random_stream(0, 0, NUMBERS, NUMBERS == 1).random())
    assert draw(8, 8, 7, 8) == draw(7, 8, 8, 8)
    assert len({draw(), draw(8, 8, 7, 8), draw(8, 8, 8, 8)}) == 3


def test_equal_parents_may_change_places() -> None:
    host, options = make_host(), SamplingSettings(generator="random", samples=2)
    swapped = write_parents(host, [[PARENTS[0], PARENTS[2], PARENTS[1], PARENTS[3]]])
    assert np.array_equal(
        generate(host, options).frac_coords, generate(swapped, options).frac_coords
    )
