"""Ordered records from disordered ones; spglib and pymatgen are the oracles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition

from aiida_hpaint.science.structures.budget.determine import determine_budget
from aiida_hpaint.science.structures.disorder import order_record
from aiida_hpaint.science.structures.errors import HostError
from aiida_hpaint.science.structures.reading import expand_record, read_records
from aiida_hpaint.science.structures.records import ListedSite, Record
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

P1, P_BAR_1, PM, PMMM, FM_3M = 1, 2, 18, 227, 523
HEXAGONAL = (3.15, 0.0, 0.0, -1.575, 2.728, 0.0, 0.0, 0.0, 4.77)

MakeRecord = Callable[..., Record]


def count(record: Record) -> dict[str, int]:
    """Return the atoms of each element in the cell."""
    host = expand_record(record)
    symbols = {1: "H", 6: "C", 8: "O", 9: "F", 11: "Na", 12: "Mg", 13: "Al", 14: "Si", 20: "Ca"}
    return dict(Counter(symbols[int(number)] for number in host.numbers))


def ordered(record: Record, policy: str = "majority") -> Record:
    (found,) = order_record(record, policy)
    assert all(site.occupancy == 1.0 for site in found.sites)
    return found


def test_a_record_without_disorder_stays_as_it_is(make_record: MakeRecord) -> None:
    record = make_record((4, 4, 4), FM_3M, [("Mg1", "Mg", 0, 0, 0, 1), ("O1", "O", 0.5, 0, 0, 1)])
    for policy in ("refuse", "majority", "ordered:3"):
        (found,) = order_record(record, policy)
        assert found == record


def test_the_main_element_of_a_mixed_site_is_taken(make_record: MakeRecord) -> None:
    rows = [("Na1", "Na", 0, 0, 0, 0.6), ("Ca1", "Ca", 0, 0, 0, 0.4), ("O1", "O", 0.5, 0.5, 0.5, 1)]
    formulas = {"sum": "Ca0.4 Na0.6 O", "moiety": "Na O"}
    found = ordered(make_record((4, 4, 4), PMMM, rows, formulas=formulas, units=1.0, weight=50.0))
    assert [site.label for site in found.sites] == ["Na1", "O1"]
    assert Composition(found.formulas["sum"]) == Composition("NaO")
    assert (set(found.formulas), found.units, found.weight) == ({"sum"}, 1.0, None)
    assert "The mixed site Na1 (Na1 Na 0.6, Ca1 Ca 0.4) is taken as Na" in found.notes
    assert "The charge of the cell is off by -0.4 e" not in found.notes  # less than one half
    assert found.disorder["policy"] == "majority"
    assert found.disorder["changes"][0] in found.notes


def test_the_charge_that_ordering_changes_is_said(make_record: MakeRecord) -> None:
    rows = [("Al1", "Al", 0, 0, 0, 0.4), ("Mg1", "Mg", 0, 0, 0, 0.6), ("O1", "O", 0.5, 0, 0, 1)]
    found = ordered(make_record((8, 8, 8), FM_3M, rows))
    assert "The charge of the cell is off by -1.6 e" in found.notes


@pytest.mark.parametrize(("occupancy", "kept"), [(0.6, True), (0.5, False), (0.4, False)])
def test_vacancies_are_filled_if_most_places_are(
    make_record: MakeRecord, occupancy: float, kept: bool
) -> None:
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 1),
        ("O1", "O", 0.5, 0, 0, 1),
        ("OW1", "O", 0.5, 0.5, 0.5, occupancy),
    ]
    found = ordered(make_record((5, 5, 5), PMMM, rows))
    assert (len(found.sites) == 3) == kept
    assert any("OW1" in note and f"occupancy {occupancy}" in note for note in found.notes)


def test_of_equal_places_that_are_half_empty_every_other_one_is_taken(
    make_record: MakeRecord,
) -> None:
    rows: list[tuple[Any, ...]] = [("Mg1", "Mg", 0, 0, 0, 1)]
    rows += [(f"O{n}", "O", 0.5, 0.5, 0.2 * n, 0.5) for n in range(1, 5)]
    found = ordered(make_record((5, 5, 20), P1, rows, formulas={"sum": "H4 Mg O2"}))
    assert count(found) == {"Mg": 1, "O": 2}
    assert found.formulas == {"sum": "H4 Mg O2"}  # the contents of the cell are the same


def test_disorder_groups_are_taken_as_a_whole(make_record: MakeRecord) -> None:
    rows = [
        ("C1", "C", 0.5, 0.5, 0.5, 1),
        ("F1A", "F", 0.60, 0.55, 0.5, 0.4, "A", "1"),
        ("F2A", "F", 0.45, 0.60, 0.5, 0.4, "A", "1"),
        ("F1B", "F", 0.60, 0.46, 0.5, 0.6, "A", "2"),
        ("F2B", "F", 0.41, 0.58, 0.5, 0.6, "A", "2"),
    ]
    found = ordered(make_record((12, 12, 12), P1, rows, formulas={"sum": "C F2"}))
    assert [site.label for site in found.sites] == ["C1", "F1B", "F2B"]
    assert all(site.group == "" for site in found.sites)
    assert any("instead of F1A F2A of disorder group A1 (occupancy 0.4)" in n for n in found.notes)


def test_a_tie_takes_the_first_group_and_says_so(make_record: MakeRecord) -> None:
    rows = [
        ("F1A", "F", 0.50, 0.5, 0.5, 0.5, "A", "1"),
        ("F1B", "F", 0.55, 0.5, 0.5, 0.5, "A", "2"),
    ]
    found = ordered(make_record((12, 12, 12), P1, rows))
    assert [site.label for site in found.sites] == ["F1A"]
    assert any("a tie: the one listed first" in note for note in found.notes)


def test_groups_of_an_assembly_exclude_each_other_at_any_distance(make_record: MakeRecord) -> None:
    rows = [
        ("C1", "C", 0.2, 0.5, 0.5, 0.5, "A", "1"),
        ("C2", "C", 0.5, 0.5, 0.5, 0.5, "A", "2"),
        ("O1", "O", 0.0, 0.0, 0.0, 1),
    ]
    found = ordered(make_record((12, 12, 12), P1, rows))
    assert [site.label for site in found.sites] == ["C1", "O1"]


def test_disorder_about_a_mirror_lowers_the_symmetry(make_record: MakeRecord) -> None:
    """Two O, 0.5 Å apart across a mirror of Pmmm: one of them, in Pmm2."""
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 1),
        ("O1", "O", 0.5, 0.5, 0.45, 0.5),
        ("Si1", "Si", 0.25, 0, 0.2, 1),
    ]
    found = ordered(make_record((5, 6, 5), PMMM, rows))
    assert len(found.operations) == 4
    assert count(found) == {"Mg": 1, "O": 1, "Si": 4}
    note = "Symmetry lowered from Pmmm to Pmm2 (8 to 4 operations)"
    assert any(each.startswith(note) for each in found.notes)
    assert [site.label for site in found.sites] == ["Mg1", "O1", "Si1a", "Si1b"]
    assert found.disorder["sites"] == {"Si1a": "Si1", "Si1b": "Si1"}
    # The listed position is the one that stays.
    assert found.sites[1].position == (0.5, 0.5, 0.45)


def test_fragments_about_an_inversion_centre_stay_whole(make_record: MakeRecord) -> None:
    """A molecule C-C-O on an inversion centre, in a negative group."""
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 1),
        ("C1", "C", 0.45, 0.5, 0.5, 0.5, "A", "-1"),
        ("C2", "C", 0.57, 0.5, 0.5, 0.5, "A", "-1"),
        ("O1", "O", 0.62, 0.61, 0.5, 0.5, "A", "-1"),
    ]
    found = ordered(make_record((12, 12, 12), P_BAR_1, rows))
    assert len(found.operations) == 1
    assert count(found) == {"Mg": 1, "C": 2, "O": 1}
    coords = np.array([site.position for site in found.sites[1:]])
    assert np.linalg.norm(12 * (coords[0] - coords[1])) == pytest.approx(1.44)
    assert np.linalg.norm(12 * (coords[1] - coords[2])) < 1.5


def test_hydrogen_goes_with_the_atom_that_carries_it(make_record: MakeRecord) -> None:
    rows = [
        ("C1", "C", 0.5, 0.5, 0.5, 1),
        ("O1A", "O", 0.62, 0.5, 0.5, 0.7),
        ("H1A", "H", 0.66, 0.57, 0.5, 0.7),
        ("O1B", "O", 0.58, 0.58, 0.5, 0.3),
        ("H1B", "H", 0.66, 0.59, 0.5, 0.3),
    ]
    found = ordered(make_record((12, 12, 12), P1, rows))
    assert [site.label for site in found.sites] == ["C1", "O1A", "H1A"]
    assert determine_budget(found, add=0).missing == 0


def test_water_that_is_left_out_takes_its_missing_hydrogen_with_it(
    make_record: MakeRecord,
) -> None:
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 1),
        ("Ow1", "O", 0.5, 0, 0, 1),
        ("Ow2", "O", 0.5, 0.5, 0.5, 0.25),
    ]
    record = make_record((6, 6, 6), P1, rows, formulas={"sum": "Mg O1.25 H2.5"}, units=1.0)
    found = ordered(record)
    assert Composition(found.formulas["sum"]) == Composition("MgOH2")
    budget = determine_budget(found)
    assert (budget.missing, budget.by_site) == (2, {"Ow1": 2})


@pytest.mark.parametrize("attached", [None, 0])
def test_water_that_is_filled_up_gets_its_hydrogen(
    make_record: MakeRecord, attached: int | None
) -> None:
    """Numbers of attached H that are all 0 say nothing, as in COD 1001614."""
    rows = [
        ("Na1", "Na", 0, 0, 0, 1),
        ("Cl1", "Cl", 0.5, 0.5, 0.5, 1),
        ("O1", "O", 0.5, 0, 0, 0.9),
    ]
    record = make_record(
        (5.0, 0, 0, 0, 5.0, 0, 0, 0, 5.0), 1, rows, formulas={"sum": "Na Cl (H2 O)0.9"}, units=1.0
    )
    sites = tuple(replace(site, attached_hydrogens=attached) for site in record.sites)
    budget = determine_budget(ordered(replace(record, sites=sites)))
    assert (budget.missing, budget.by_site) == (2, {"O1": 2})


def test_half_occupied_hydrogen_counts_as_missing(make_record: MakeRecord) -> None:
    """Brucite as neutrons see it: H three-fold split about the axis (Parise et al. 1994)."""
    hall = 456  # P -3 m 1
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 1),
        ("O1", "O", 1 / 3, 2 / 3, 0.22, 1),
        ("H1", "H", 0.367, 0.633, 0.413, 1 / 3),
    ]
    record = make_record(HEXAGONAL, hall, rows, formulas={"sum": "H2 Mg O2"}, units=1.0)
    found = ordered(record)
    assert [site.label for site in found.sites] == ["Mg1", "O1"]
    assert [site.attached_hydrogens for site in found.sites] == [None, 1]
    assert len(found.operations) == 12
    budget = determine_budget(found)
    assert (budget.missing, budget.by_site) == (2, {"O1": 1})
    assert any("2 H atoms in the cell (1 on O1) count as missing" in note for note in found.notes)
    assert "partly occupied H" in [each.source for each in budget.evidence]
    representatives = order_record(record, "ordered:2")
    assert [each.label for each in representatives] == ["host-1", "host-2"]
    assert all(count(each) == {"Mg": 1, "O": 2, "H": 2} for each in representatives)


@pytest.mark.filterwarnings("ignore:.*treated as H")
def test_half_occupied_hydrogen_among_metals_counts_as_missing(make_record: MakeRecord) -> None:
    """LaNi5D5.4 in P 3 1 m: D2 at 1.46 Å from its images, 2.5 of six places taken."""
    cell = (5.425, 0, 0, -2.7125, 4.6982, 0, 0, 0, 4.277)
    rows = [
        ("La1", "La", 0, 0, 0, 1),
        ("Ni1", "Ni", 1 / 3, 2 / 3, 0, 1),
        ("Ni2", "Ni", 0.5, 0, 0.5, 1),
        ("D1", "D", 0.506, 0, 0.097, 0.95),
        ("D2", "D", 0.155, 0.310, 0.48, 0.42),
    ]
    found = ordered(make_record(cell, 447, rows))
    assert [site.label for site in found.sites] == ["La1", "Ni1", "Ni2", "D1"]
    assert any("D2 are partly occupied" in note and "3 H atoms" in note for note in found.notes)
    budget = determine_budget(found)
    assert (budget.missing, budget.listed) == (3, 3)


def test_the_ice_rules_hold_in_ordered_representatives(make_record: MakeRecord) -> None:
    """Ice Ih (Kuhs, Lehmann 1983): two half H on each O-O contact, two H on each O."""
    cell = (4.511, 0, 0, -2.2555, 3.9066, 0, 0, 0, 7.346)
    rows = [
        ("O1", "O", 1 / 3, 2 / 3, 0.0620, 1),
        ("H1", "H", 1 / 3, 2 / 3, 0.1989, 0.5),
        ("H2", "H", 0.4551, 0.9102, 0.0182, 0.5),
    ]
    record = make_record(cell, 488, rows, formulas={"sum": "H2 O"}, units=4.0)  # P 6_3/m m c
    budget = determine_budget(ordered(record))
    assert (budget.missing, budget.by_site) == (8, {"O1": 2})
    for found in order_record(record, "ordered:3"):
        host = expand_record(found)
        assert count(found) == {"O": 4, "H": 8}
        apart = host.frac_coords[host.numbers == 8][:, None] - host.frac_coords[host.numbers == 1]
        apart -= np.round(apart)
        lengths = np.linalg.norm(apart @ host.cells[0], axis=2)
        assert (lengths < 1.2).sum(axis=1).tolist() == [2, 2, 2, 2]
        assert (lengths < 1.2).sum(axis=0).tolist() == [1] * 8


def test_all_sites_are_named_where_disorder_is_refused(make_record: MakeRecord) -> None:
    rows = [("Na1", "Na", 0, 0, 0, 0.6), ("Ca1", "Ca", 0, 0, 0, 0.4), ("O1", "O", 0.5, 0.5, 0.5, 1)]
    with pytest.raises(HostError) as caught:
        order_record(make_record((4, 4, 4), PMMM, rows), "refuse")
    assert [each.site for each in caught.value.problems] == ["site Na1", "site Ca1"]
    assert "its occupancy is 0.6" in str(caught.value)


def test_split_sites_without_occupancy_are_refused(make_record: MakeRecord) -> None:
    rows = [("Mg1", "Mg", 0, 0, 0, 1), ("H1", "H", 0.5, 0.5, 0.46, 1)]
    with pytest.raises(
        HostError, match=r"site H1: it is 0.40 Å from its own image: it seems split"
    ):
        order_record(make_record((5, 5, 5), PMMM, rows), "majority")


def test_two_elements_in_one_place_are_no_split_site(make_record: MakeRecord) -> None:
    rows = [("C1", "C", 0.2, 0.2, 0.2, 1), ("O1", "O", 0.28, 0.2, 0.2, 1)]
    with pytest.raises(HostError, match=r"C1: it is 0.80 Å from O1: no bond is that") as caught:
        order_record(make_record((10, 10, 10), P1, rows), "majority")
    assert "split" not in str(caught.value)
    assert "Correct coordinates, cell or symmetry" in str(caught.value)
    bonded = [rows[0], ("O1", "O", 0.31, 0.2, 0.2, 1)]  # the shortest C-O, that of CO, has 1.13 Å
    assert len(ordered(make_record((10, 10, 10), P1, bonded)).sites) == 2


def test_rows_that_symmetry_generates_are_dropped(make_record: MakeRecord) -> None:
    rows = [("Mg1", "Mg", 0.2, 0.3, 0.1, 1), ("Mg1*", "Mg", -0.2, -0.3, -0.1, 1)]
    found = ordered(make_record((5, 6, 7), P_BAR_1, rows))
    assert [site.label for site in found.sites] == ["Mg1"]
    assert found.notes == (
        "Rows that repeat others, which symmetry generates, are left out: Mg1* (Mg1)",
    )


def test_equal_rows_on_one_position_add_up(make_record: MakeRecord) -> None:
    rows = [("H1", "H", 0.1, 0, 0, 0.5), ("H2", "H", -0.1, 0, 0, 0.5), ("C1", "C", 0, 0, 0, 1)]
    found = ordered(make_record((10, 10, 10), P_BAR_1, rows))
    assert [site.label for site in found.sites] == ["H1", "C1"]
    assert "H2 is at a position of H1, and their occupancies are added" in found.notes


def test_occupancies_with_site_symmetry_are_divided_by_it(make_record: MakeRecord) -> None:
    """Occupancies of SHELX contain the multiplicity of special positions: 1/8 for 8 operations."""
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 0.125),
        ("O1", "O", 0.25, 0, 0, 0.25),
        ("Si1", "Si", 0.5, 0.2, 0.5, 0.25),
    ]
    found = ordered(make_record((9, 9, 9), PMMM, rows, formulas={"sum": "Mg O2 Si2"}))
    assert count(found) == {"Mg": 1, "O": 2, "Si": 2}
    assert any("as those of SHELX do" in note for note in found.notes)


def test_a_little_more_than_full_is_full(make_record: MakeRecord) -> None:
    found = ordered(make_record((5, 5, 5), P1, [("Mg1", "Mg", 0, 0, 0, 1.02)]))
    assert found.notes == ("The occupancy 1.02 of Mg1 is taken as 1",)
    with pytest.raises(HostError, match=r"site Mg1: its occupancy is 1.5. Correct it"):
        order_record(make_record((5, 5, 5), P1, [("Mg1", "Mg", 0, 0, 0, 1.5)]), "majority")


def test_groups_without_occupancies_share(make_record: MakeRecord) -> None:
    rows = [
        ("C1", "C", 0.5, 0.5, 0.5, 1, "", "1"),
        ("C2", "C", 0.53, 0.5, 0.5, 1, "", "2"),
        ("O1", "O", 0.1, 0.1, 0.1, 1),
    ]
    found = ordered(make_record((12, 12, 12), P1, rows))
    assert [site.label for site in found.sites] == ["C1", "O1"]
    assert any("equal shares are assumed" in note for note in found.notes)


def test_primed_alternatives_share_if_the_formula_fits(make_record: MakeRecord) -> None:
    rows = [
        ("N1", "N", 0.2, 0.2, 0.2, 1),
        ("C1", "C", 0.5, 0.5, 0.5, 1),
        ("C2", "C", 0.6, 0.5, 0.5, 1),
        ("C1'", "C", 0.53, 0.52, 0.5, 1),
        ("C2'", "C", 0.62, 0.55, 0.5, 1),
    ]
    found = ordered(make_record((12, 12, 12), P1, rows, formulas={"sum": "C2 N"}))
    assert [site.label for site in found.sites] == ["N1", "C1", "C2"]
    with pytest.raises(HostError, match="it seems split over several positions"):
        order_record(make_record((12, 12, 12), P1, rows, formulas={"sum": "C4 N"}), "majority")


def test_hydrogen_split_without_occupancy_is_refused(make_record: MakeRecord) -> None:
    """As in COD 2101439, brucite: H at three places about the axis, each listed as full."""
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 1),
        ("O1", "O", 1 / 3, 2 / 3, 0.22, 1),
        ("H1", "H", 0.367, 0.633, 0.413, 1),
    ]
    for formulas in ({}, {"sum": "H2 Mg O2"}):
        record = make_record(HEXAGONAL, 456, rows, formulas=formulas)
        with pytest.raises(HostError, match=r"site H1: it is 0\.32 Å from its own image"):
            order_record(record, "majority")


def test_a_full_site_beside_a_special_position_is_on_it(make_record: MakeRecord) -> None:
    """Its images are 0.12 Å apart: one atom, typed to few digits. Half occupied, it is split."""
    rows = [("Mg1", "Mg", 0, 0, 0, 1), ("O1", "O", 0.5, 0.5, 0.003, 1)]
    (found,) = order_record(make_record((4, 4, 20), PMMM, rows), "majority")
    assert count(found) == {"Mg": 1, "O": 1}
    assert "Images closer than 0.2 Å" in expand_record(found).metadata[0]["notes"][-1]
    half = make_record((4, 4, 20), PMMM, [rows[0], (*rows[1][:5], 0.5)])
    (found,) = order_record(half, "majority")
    assert "one of the images" in " ".join(found.notes)


def test_another_compound_is_refused(make_record: MakeRecord) -> None:
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 1),
        *((f"O{n}", "O", 0.5, 0.5, 0.1 * n, 0.4) for n in range(1, 4)),
    ]
    with pytest.raises(HostError, match="what is left is another compound"):
        order_record(make_record((9, 9, 20), PMMM, rows), "majority")


def test_a_crystal_that_loses_an_element_is_refused(make_record: MakeRecord) -> None:
    rows: list[tuple[Any, ...]] = [("S1", "S", 0.5, 0.5, 0.5, 0.45)]
    rows += [(f"O{n}", "O", 0, 0, n / 5, 1) for n in range(4)]
    with pytest.raises(HostError, match="with no S left: what is left is another compound"):
        order_record(make_record((9, 9, 20), P1, rows), "majority")


def test_a_hydrate_that_loses_its_water_is_refused(make_record: MakeRecord) -> None:
    rows = [("Mg1", "Mg", 0, 0, 0, 1), ("Ow1", "O", 0.5, 0.5, 0.5, 0.4), ("O1", "O", 0.5, 0, 0, 1)]
    rows += [(f"S{n}", "S", 0, 0.5, n / 9, 1) for n in range(9)]
    formulas = {"sum": "Mg O1.4 S9 H0.8"}
    record = make_record((6, 6, 30), PMMM, rows, formulas=formulas)
    with pytest.raises(HostError, match=r"with no H left: .* try --disorder ordered:N"):
        order_record(record, "majority")


def test_lost_hydroxyls_matter_where_hydrogen_is_restored(make_record: MakeRecord) -> None:
    """F takes the place of a little OH: nothing is left to restore, but Li finds its host."""
    rows = [
        ("Mg1", "Mg", 0, 0, 0, 1),
        ("F1", "F", 0.5, 0, 0.1, 0.6),
        ("OH1", "O", 0.5, 0, 0.1, 0.4),
    ]
    record = make_record((4, 6, 20), PMMM, rows, formulas={"sum": "Mg F1.2 O0.8 H0.8"})
    with pytest.raises(HostError, match="with no H left"):
        order_record(record, "majority")
    (found,) = order_record(record, "majority", "Li")
    assert count(found) == {"Mg": 1, "F": 2}


def test_ordered_cells_keep_the_composition(make_record: MakeRecord) -> None:
    rows = [
        ("Al1", "Al", 0, 0, 0, 0.5),
        ("Si1", "Si", 0, 0, 0, 0.5),
        ("O1", "O", 0.25, 0.25, 0.25, 1),
    ]
    record = make_record((5, 5, 5), FM_3M, rows)
    found = order_record(record, "ordered:5")
    # Two of four sites of an F lattice: all pairs are equivalent by symmetry.
    assert [each.label for each in found] == ["host"]
    assert count(found[0]) == {"Al": 2, "Si": 2, "O": 8}
    assert "0.000 eV per cell above the lowest by electrostatics" in found[0].disorder["changes"][0]


def test_like_charges_are_kept_apart(make_record: MakeRecord) -> None:
    """Four of eight places on a line, each a Na: the best arrangement takes every other one."""
    rows: list[tuple[Any, ...]] = [(f"Na{n}", "Na", 0, 0, n / 8, 0.5) for n in range(8)]
    rows += [(f"F{n}", "F", 0.5, 0.5, n / 4, 1) for n in range(4)]
    best, *_ = order_record(make_record((4, 4, 20), P1, rows), "ordered:2")
    taken = [int(site.label[2:]) for site in best.sites if site.symbol == "Na"]
    assert taken in ([0, 2, 4, 6], [1, 3, 5, 7])


@pytest.mark.parametrize("policy", ["majority", pytest.param("ordered:2", marks=pytest.mark.slow)])
@settings(max_examples=15)
@given(data=st.data())
def test_invariants_of_ordered_records(policy: str, data: st.DataObject) -> None:
    """Occupancies are 1, sites apart, the operations a group that maps the crystal onto itself."""
    found: Any = spglib.get_symmetry_from_database(PMMM)
    cell = np.diag([7.0, 8.0, 9.0])
    operations = SymmetryOperations(cell, found["rotations"], found["translations"])
    position = st.sampled_from([0.0, 0.04, 0.2, 0.35, 0.46, 0.5])
    rows = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["Na", "Ca", "O", "Si"]),
                st.tuples(position, position, position),
                st.sampled_from([0.25, 0.5, 0.6, 0.9]),
            ),
            min_size=1,
            max_size=5,
        )
    )
    sites = tuple(
        ListedSite(f"{symbol}{n}", symbol, xyz, occupancy)
        for n, (symbol, xyz, occupancy) in enumerate(rows)
    )
    fixed = ListedSite("Mg1", "Mg", (0.25, 0.25, 0.25), 1.0)
    record = Record("host", "host.cif", "host", cell, operations, (fixed, *sites))
    try:
        results = order_record(record, policy)
    except HostError:
        return  # what is left would be another compound, or sites still overlap
    for result in results:
        assert all(site.occupancy == 1.0 for site in result.sites)
        host = expand_record(result)
        coords, vectors = host.frac_coords, host.cells[0]
        apart = coords[:, None] - coords[None]
        apart -= np.round(apart)
        lengths = np.linalg.norm(apart @ vectors, axis=2) + 9 * np.eye(len(coords))
        assert lengths.min() > 0.5
        moved = result.operations.images(coords)
        distances = moved[:, :, None] - coords
        distances -= np.round(distances)
        nearest = np.linalg.norm(distances @ vectors, axis=3).argmin(axis=2)
        assert np.abs(distances).min(axis=2).max() < 1e-9
        assert (host.numbers[nearest] == host.numbers).all()
        crystal: Any = (vectors, coords, host.numbers)
        symmetry: Any = spglib.get_symmetry(crystal, symprec=1e-4)
        assert len(symmetry["rotations"]) >= len(result.operations)


def test_disordered_files_become_hosts(files: Path) -> None:
    (record,) = read_records(files / "partial_occupancy.cif")
    assert isinstance(record, Record)
    (found,) = order_record(record, "majority")
    host = expand_record(found)
    disorder: Any = host.metadata[0]["disorder"]
    assert disorder["policy"] == "majority"
    assert determine_budget(found).missing == 2
