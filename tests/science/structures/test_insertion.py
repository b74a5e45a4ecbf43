"""Adding sites to hosts and taking them away from references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import (
    HostError,
    HostLimits,
    StructureBatch,
    add_sites,
    concatenate,
    parse_insert,
    remove_sites,
)

Batches = Callable[..., st.SearchStrategy[StructureBatch]]
ANYTHING = HostLimits(volume_per_inserted=0.0, volume_per_site=0.0)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("H:4", {"H": 4}),
        ("H:4,Li:1", {"H": 4, "Li": 1}),
        (" Li : 2 , H:1 ", {"Li": 2, "H": 1}),
        ("H:4.0", {"H": 4}),
        ("H:0", {"H": 0}),
    ],
)
def test_text_says_what_to_insert(text: str, counts: dict[str, int]) -> None:
    assert parse_insert(text) == counts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("H4", "write element:count"),
        ("", "write element:count"),
        ("H:4,", "write element:count"),
        ("4:H", "write element:count"),
        ("H:four", "write element:count"),
        ("H:1,H:2", "H is given twice"),
        ("Xx:1", "'Xx' is no element"),
        ("h:1", "'h' is no element"),
        ("D:2,H:1", "D and H are one element: insert one isotope at a time"),
        ("H:-1", "H:-1 is negative"),
        ("H:1.5", "H:1.5 is no whole number"),
        ("H:1.2.3", "H:nan is no whole number"),
    ],
)
def test_unclear_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_insert(text)


@pytest.mark.parametrize("count", [-1, 1.5, True, float("nan"), float("inf")])
def test_unclear_numbers_are_refused(rock_salt: StructureBatch, count: Any) -> None:
    with pytest.raises(ValueError, match=r"is negative|is no whole number"):
        add_sites(rock_salt, {"H": count})


@given(data=st.data())
def test_hosts_stay_as_they_are(batches: Batches, data: st.DataObject) -> None:
    hosts = data.draw(batches())
    filled = add_sites(hosts, {"H": 3, "Li": 1}, ANYTHING)
    assert filled.site_counts.tolist() == (hosts.site_counts + 4).tolist()
    assert filled.labels == hosts.labels
    assert filled.metadata == hosts.metadata
    for one, host in zip(filled, hosts, strict=True):
        assert np.array_equal(one.frac_coords[:-4], host.frac_coords, equal_nan=True)
        assert np.array_equal(one.inserted[:-4], host.inserted)
        assert one.numbers[-4:].tolist() == [1, 1, 1, 3]
        assert np.isnan(one.frac_coords[-4:]).all()
        assert one.inserted[-4:].all()


def test_each_host_may_get_its_own(rock_salt: StructureBatch) -> None:
    filled = add_sites(rock_salt[[0, 0]], [{"H": 1}, "H:2,Li:1"])
    assert filled.insert_counts.tolist() == [1, 3]
    with pytest.raises(ValueError, match="1 entries of sites to insert for 2 hosts"):
        add_sites(rock_salt[[0, 0]], ["H:1"])


def test_nothing_to_add_is_an_error_that_names_the_hosts(rock_salt: StructureBatch) -> None:
    with pytest.raises(HostError, match=r"MgO: there are no sites to add \(H:0\)") as caught:
        add_sites(rock_salt[[0, 0, 0]], [{"H": 0}, {"H": 1}, {}])
    assert len(caught.value.problems) == 2


def test_more_than_fits_is_an_error(rock_salt: StructureBatch) -> None:
    with pytest.raises(
        HostError, match=r"100 inserted sites cannot fit into 74.09 Å³ \(at most 24"
    ):
        add_sites(rock_salt, "H:100")


@given(data=st.data())
def test_references_and_hosts_differ_in_the_removed_sites_only(
    batches: Batches, data: st.DataObject
) -> None:
    batch = data.draw(batches(placed=True))
    symbol_number = 8
    numbers = np.where(np.arange(batch.n_sites) % 2 == 0, symbol_number, 12)
    batch = StructureBatch(
        batch.labels, batch.cells, batch.site_counts, numbers, batch.frac_coords, batch.inserted
    )
    assume((batch.site_counts > 1).all())
    hosts, references = remove_sites(batch, "O")
    assert np.array_equal(hosts.numbers, references.numbers)
    assert np.array_equal(hosts.inserted, references.numbers == symbol_number)
    kept = ~hosts.inserted
    assert np.array_equal(hosts.frac_coords[kept], references.frac_coords[kept])
    assert np.isnan(hosts.frac_coords[hosts.inserted]).all()
    assert not np.isnan(references.frac_coords).any()
    for one, whole in zip(references, batch, strict=True):
        order = np.argsort(whole.numbers == symbol_number, kind="stable")
        assert np.array_equal(one.frac_coords, whole.frac_coords[order])


def test_structures_that_cannot_be_stripped_are_named(rock_salt: StructureBatch) -> None:
    with pytest.raises(HostError, match="MgO: it has no H"):
        remove_sites(rock_salt, "H")
    oxygen = StructureBatch(
        ("O8",),
        rock_salt.cells,
        rock_salt.site_counts,
        np.full(8, 8),
        rock_salt.frac_coords,
        rock_salt.inserted,
    )
    with pytest.raises(HostError, match="O8: it has nothing but O"):
        remove_sites(concatenate([rock_salt, oxygen]), "O")
