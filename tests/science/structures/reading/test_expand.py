"""Whole cells: as many images as the tables say, and every listed site where it is listed."""

from __future__ import annotations

from dataclasses import replace

import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import HostError
from aiida_hpaint.science.structures.reading import expand_record
from aiida_hpaint.science.structures.reading.cell import make_cell
from aiida_hpaint.science.structures.reading.expand import find_images, find_site_images
from aiida_hpaint.science.structures.reading.operations import from_gemmi
from aiida_hpaint.science.structures.reading.origin import check_origin
from aiida_hpaint.science.structures.reading.repeats import drop_repeated_sites
from aiida_hpaint.science.structures.records import ListedSite, Record
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

CELLS = {
    "triclinic": (9, 10, 11, 80, 95, 100),
    "monoclinic": (9, 10, 11, 90, 105, 90),
    "orthorhombic": (9, 10, 11, 90, 90, 90),
    "tetragonal": (9, 9, 11, 90, 90, 90),
    "trigonal": (9, 9, 11, 90, 90, 120),
    "hexagonal": (9, 9, 11, 90, 90, 120),
    "cubic": (9, 9, 9, 90, 90, 90),
}
GROUPS = [group for group in gemmi.spacegroup_table_itb() if group.is_reference_setting()]
SPECIAL = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1 / 3, 2 / 3, 0.125])


def operations_of(group: gemmi.SpaceGroup) -> SymmetryOperations:
    cell = make_cell("x", CELLS[group.crystal_system_str()])
    return from_gemmi(cell, group.operations())


def make_record(*sites: ListedSite, symbol: str = "P -3 m 1") -> Record:
    group = gemmi.find_spacegroup_by_name(symbol)
    operations = operations_of(group)
    return Record("x", "x.cif", "x", operations.cell, operations, sites)


@given(group=st.sampled_from(GROUPS), position=st.tuples(SPECIAL, SPECIAL, SPECIAL))
def test_multiplicities_are_those_of_gemmi(
    group: gemmi.SpaceGroup, position: tuple[float, float, float]
) -> None:
    operations = operations_of(group)
    images = find_images(np.array(position), operations)
    moved = np.mod([op.apply_to_xyz(list(position)) for op in group.operations()], 1.0)
    assert len(images) == len({tuple(row) for row in np.mod(np.round(moved, 4), 1.0).tolist()})
    assert images[0].tolist() == list(position)
    assert ((images[1:] >= 0) & (images[1:] < 1)).all()


@given(
    group=st.sampled_from(GROUPS),
    position=st.tuples(SPECIAL, SPECIAL, SPECIAL),
    digits=st.integers(2, 5),
)
def test_few_digits_do_not_split_a_site(
    group: gemmi.SpaceGroup, position: tuple[float, float, float], digits: int
) -> None:
    operations = operations_of(group)
    typed = tuple(np.round(position, digits).tolist())
    exact = find_images(np.array(position), operations)
    found = find_site_images(ListedSite("A", "C", typed), operations)
    assert len(found) == len(exact)
    assert found[0].tolist() == list(typed)


def test_atoms_disordered_about_a_special_position_stay_apart() -> None:
    record = make_record()
    site = ListedSite("O1", "O", (0.01, 0.0, 0.0))
    assert len(find_site_images(site, record.operations)) == 1
    assert len(find_site_images(replace(site, occupancy=0.5), record.operations)) == 6


def test_merging_over_more_than_rounding_is_noted() -> None:
    host = expand_record(make_record(ListedSite("O1", "O", (0.01, 0.0, 0.0))))
    assert len(host.numbers) == 1
    assert "one site on a special position: O1" in host.metadata[0]["notes"][0]
    exact = expand_record(make_record(ListedSite("O1", "O", (0.0, 0.0, 0.0))))
    assert exact.metadata[0]["notes"] == []


def test_rows_that_are_no_atoms_are_left_out_with_a_note() -> None:
    host = expand_record(
        make_record(
            ListedSite("O1", "O", (0.1, 0.2, 0.3)),
            ListedSite("H1", "H", None),
            ListedSite("X1", "X", (0.0, 0.0, 0.0), is_dummy=True),
            ListedSite("C1", "C", (0.2, 0.2, 0.3), occupancy=0.0),
        )
    )
    assert set(host.numbers.tolist()) == {8}
    assert host.metadata[0]["site_labels"] == ["O1"] * len(host.numbers)
    notes = " ".join(host.metadata[0]["notes"])
    for label in (
        "dummies were left out: X1",
        "a position were left out: H1",
        "0 were left out: C1",
    ):
        assert label in notes


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (ListedSite("O1", "O", None), "site O1: it has no position"),
        (ListedSite("O1", "O", (0.1, 0.2, 0.3), 0.5), r"site O1: its occupancy is 0\.5"),
        (ListedSite("X1", "X", (0.1, 0.2, 0.3), is_dummy=True), "it lists no atom"),
        (ListedSite("H1", "H", None), "it lists no atom"),
    ],
)
def test_what_is_no_ordered_crystal_is_an_error(site: ListedSite, message: str) -> None:
    with pytest.raises(HostError, match=message):
        expand_record(make_record(site))


def test_sites_to_insert_may_lack_positions() -> None:
    record = make_record(ListedSite("O1", "O", (0.1, 0.2, 0.3)), ListedSite("Li1", "Li", None))
    assert set(expand_record(record, ("Li",)).numbers.tolist()) == {8}


@given(group=st.sampled_from(GROUPS), seed=st.integers(0, 2**16))
def test_rows_that_repeat_others_by_symmetry_are_dropped(
    group: gemmi.SpaceGroup, seed: int
) -> None:
    operations = operations_of(group)
    position = np.random.default_rng(seed).uniform(0.02, 0.98, 3)
    images = find_images(position, operations)
    sites = [ListedSite(f"C{at}", "C", tuple(row)) for at, row in enumerate(images.tolist())]
    notes: list[str] = []
    assert drop_repeated_sites(sites, operations, notes) == (sites[0],)
    assert len(notes) == (len(sites) > 1)
    others = [replace(sites[0], label="N1", symbol="N"), replace(sites[0], occupancy=0.5)]
    kept = drop_repeated_sites([sites[0], *others], operations, [])
    assert len(kept) == 3


def test_special_coordinates_on_general_positions_are_suspicious() -> None:
    record = make_record(symbol="P 21 21 21")
    sites = [ListedSite("N", "N", (0.0, 0.0, 0.5)), ListedSite("P", "P", (0.0, 0.0, 0.0))]
    notes: list[str] = []
    check_origin(sites, record.operations, notes)
    assert "N, P are at 0 or 1/2 exactly" in notes[0]
    for others, symbol in (
        (sites[:1], "P 21 21 21"),  # one may be an accident
        (sites, "P -3 m 1"),  # special positions
        (sites, "P n a 21"),  # a free origin
        (sites, "P 1"),
    ):
        quiet: list[str] = []
        check_origin(others, make_record(symbol=symbol).operations, quiet)
        assert quiet == []
