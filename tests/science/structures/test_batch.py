"""StructureBatch: selecting, concatenating and comparing lose nothing."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import StructureBatch, concatenate

Batches = Callable[..., st.SearchStrategy[StructureBatch]]


@given(data=st.data())
def test_taken_apart_and_put_together_it_is_the_same(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches())
    assert concatenate(list(batch)).equals(batch)


@given(data=st.data())
def test_each_structure_has_the_rows_that_it_owns(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches())
    for index, one in enumerate(batch):
        rows = np.flatnonzero(batch.owners == index)
        assert np.array_equal(np.arange(batch.n_sites)[batch.sites(index)], rows)
        assert np.array_equal(one.frac_coords, batch.frac_coords[rows], equal_nan=True)
        assert np.array_equal(one.numbers, batch.numbers[rows])
        assert one.labels == (batch.labels[index],)
        assert one.metadata == (batch.metadata[index],)


def test_hosts_are_found_by_their_index_or_row(samples: StructureBatch) -> None:
    numbered = samples.with_scalars(host=np.array([7, 3, 7]))
    assert numbered.find_host_rows() == {7: 0, 3: 1}
    assert replace(samples, scalars={}).find_host_rows() == {0: 0, 1: 1, 2: 2}


@given(data=st.data())
def test_choosing_twice_is_choosing_once(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches())
    chosen = np.array(data.draw(st.lists(st.integers(-len(batch), len(batch) - 1), min_size=1)))
    again = np.array(data.draw(st.lists(st.integers(0, len(chosen) - 1), min_size=1)))
    assert batch[chosen][again].equals(batch[chosen[again]])


@given(data=st.data())
def test_masks_slices_and_indices_agree(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches())
    mask = np.arange(len(batch)) % 2 == 0
    assert batch[mask].equals(batch[::2])
    assert batch[-1].equals(batch[len(batch) - 1])
    assert len(batch[[]]) == batch[[]].n_sites == 0


@given(data=st.data())
def test_a_copy_is_equal_and_a_change_is_seen(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches())
    assert pickle.loads(pickle.dumps(batch)).equals(batch)
    assert copy.deepcopy(batch).equals(batch)
    moved = batch.frac_coords.copy()
    moved[0] = np.where(np.isnan(moved[0]), 0.0, np.nextafter(moved[0], np.inf))
    assert not batch.with_coords(moved).equals(batch)
    assert not batch.with_scalars(extra=np.zeros(len(batch))).equals(batch)
    assert not batch.with_history({"stage": "another"}).equals(batch)


def test_cartesian_coordinates_are_those_of_the_cell(rock_salt: StructureBatch) -> None:
    both = concatenate([rock_salt, rock_salt])
    assert both.cart_coords == pytest.approx(np.tile(rock_salt.frac_coords * 4.2, (2, 1)))


def test_placed_and_insert_counts_tell_what_is_open(rock_salt: StructureBatch) -> None:
    inserted = np.arange(8) >= 6
    coords = np.where(inserted[:, None], np.nan, rock_salt.frac_coords)
    open_one = StructureBatch(
        rock_salt.labels,
        rock_salt.cells,
        rock_salt.site_counts,
        rock_salt.numbers,
        coords,
        inserted,
    )
    both = concatenate([open_one, rock_salt])
    assert both.placed.tolist() == [False, True]
    assert both.insert_counts.tolist() == [2, 0]


def test_history_is_told_once_and_repeated_stages_twice(rock_salt: StructureBatch) -> None:
    stage, other = {"stage": "relax"}, {"stage": "sample"}
    twice = rock_salt.with_history(stage).with_history(stage)
    together = concatenate([twice, twice, rock_salt.with_history(other)])
    assert together.history == (stage, stage, other)


def test_batches_with_different_scalars_do_not_mix(rock_salt: StructureBatch) -> None:
    with pytest.raises(ValueError, match=r"scalars differ: \[\] and \['energy'\]"):
        concatenate([rock_salt, rock_salt.with_scalars(energy=[1.0])])
    with pytest.raises(ValueError, match="nothing to concatenate"):
        concatenate([])


def test_arrays_of_the_wrong_size_are_refused(rock_salt: StructureBatch) -> None:
    with pytest.raises(ValueError, match="reshape"):
        rock_salt.with_coords(np.zeros((7, 3)))
    with pytest.raises(ValueError, match="2 metadata entries for 1 structures"):
        StructureBatch(
            rock_salt.labels,
            rock_salt.cells,
            rock_salt.site_counts,
            rock_salt.numbers,
            rock_salt.frac_coords,
            rock_salt.inserted,
            metadata=({}, {}),
        )


def test_a_site_range_beyond_the_end_is_an_error(rock_salt: StructureBatch) -> None:
    assert rock_salt.sites(-1) == slice(0, 8)
    with pytest.raises(IndexError):
        rock_salt.sites(1)


def test_scalars_keep_their_order(rock_salt: StructureBatch) -> None:
    # Which goes into files: the order of a set differs from one run of Python to the next.
    names = [f"scalar_{i}" for i in range(12)]
    batch = rock_salt.with_scalars(**dict.fromkeys(names, np.zeros(len(rock_salt))))
    order = list(batch.scalars)
    assert list(concatenate([batch, batch]).scalars) == order
