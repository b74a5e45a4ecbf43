"""H goes to the sites that lack valence, and only what is clear is called so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import determine_budget, prepare_hosts, read_hosts
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.placement import (
    MOST,
    find_likely_total,
    place_hydrogens,
)
from aiida_hpaint.science.structures.budget.valences import find_lacking_valences

EXAMPLES = Path(__file__).parents[4] / "examples"
SITES = st.dictionaries(
    st.sampled_from("abcde"),
    st.tuples(st.sampled_from("ONC"), st.floats(-0.5, 4), st.sampled_from((1, 2, 4))),
    min_size=1,
)


@given(SITES, st.integers(0, 12))
def test_placed_h_adds_up(sites: dict[str, tuple[str, float, int]], total: int) -> None:
    elements = {label: element for label, (element, _, _) in sites.items()}
    lacking = {label: value for label, (_, value, _) in sites.items()}
    counts = {label: count for label, (_, _, count) in sites.items()}
    placed = place_hydrogens(lacking, elements, counts, total, {}, {})
    if placed is None:
        return
    likely, cost = find_likely_total(lacking, elements, counts)
    assert all(0 <= n <= MOST[elements[label]] for label, n in placed.by_site.items())
    assert placed.cost >= cost - 1e-9
    # Several arrangements may be equally good; those that are clear belong to one of them.
    if all(placed.is_clear(label) for label in sites):
        assert sum(counts[label] * n for label, n in placed.by_site.items()) == total
    if sum(counts[label] * n for label, n in likely.items()) == total:
        assert placed.cost == pytest.approx(cost)


def test_hydroxyl_and_water_are_told_apart() -> None:
    lacking = {"OH": 1.0, "OW": 1.8, "O": 0.2}
    elements = dict.fromkeys(lacking, "O")
    placed = place_hydrogens(lacking, elements, {"OH": 4, "OW": 8, "O": 8}, 20, {}, {})
    assert placed is not None
    assert placed.by_site == {"OH": 1, "OW": 2, "O": 0}
    assert all(placed.is_clear(label) for label in lacking)
    assert place_hydrogens({"O": 0.2}, {"O": "O"}, {"O": 1}, 5, {}, {}) is None


def place(
    lacking: dict[str, float], counts: dict[str, int], total: int, **more: Any
) -> dict[str, float]:
    """Return the numbers that are clear; labels begin with the element."""
    elements = {label: label[0] for label in lacking}
    placed = place_hydrogens(lacking, elements, counts, total, {}, {}, **more)
    assert placed is not None
    return {label: n for label, n in placed.by_site.items() if n and placed.is_clear(label)}


def test_symmetry_shares_the_h_of_an_acid_salt() -> None:
    # NH4H2PO4 in I-42d: ammonium, and one H between two equivalent O
    assert place({"N": 3.0, "O": 0.66}, {"N": 4, "O": 16}, 24) == {"N": 4, "O": 0.5}


def test_a_number_that_only_the_total_forces_is_not_clear() -> None:
    assert place({"O1": 0.1}, {"O1": 4}, 4) == {}
    assert place({"O1": 0.7}, {"O1": 4}, 12) == {}
    assert place({"N1": 3.0, "N2": 3.0}, {"N1": 4, "N2": 4}, 16) == {}


def test_h_may_be_elsewhere() -> None:
    # NH4H2PO2: two H on P
    lacking, counts = {"N": 3.0, "O": 0.66}, {"N": 4, "O": 8}
    assert place(lacking, counts, 24, elsewhere=16) == {"N": 4}
    assert place(lacking, counts, 24) == {"N": 4, "O": 1}


def test_water_is_placed_as_such() -> None:
    # CuSO4.5H2O: four waters on Cu lack 1.5 v.u., an O of sulfate 0.5
    lacking = {"O1": 0.5, "O2": 1.5, "O3": 1.5, "O4": 1.5, "O5": 1.5, "O6": 2.0}
    counts = dict.fromkeys(lacking, 2)
    assert place(lacking, counts, 20) == {"O6": 2}
    waters = dict.fromkeys(["O2", "O3", "O4", "O5", "O6"], 2)
    assert place(lacking, counts, 20, only_water=True) == waters


def test_listed_h_is_left_out_of_the_sums() -> None:
    with_h, without = (
        find_lacking_valences(CellContent.from_host(read_hosts(EXAMPLES / kind / "brucite.cif")))
        for kind in ("references", "hosts")
    )
    assert with_h == pytest.approx(without)
    assert without["O1"] == pytest.approx(1, abs=0.15)


def test_batches_that_were_read_before_keep_their_formula() -> None:
    hosts, problems = prepare_hosts(read_hosts(EXAMPLES / "hosts" / "brucite.cif"))
    assert hosts is not None
    assert not problems
    assert hosts.metadata[0]["budget"]["by_site"] == {"O1": 1}
    assert determine_budget(read_hosts(EXAMPLES / "hosts" / "brucite.cif")).missing == 2


def test_an_atom_carries_no_more_than_its_other_bonds_leave_room_for() -> None:
    # an N with three bonds of 1.51 Å and an O that has no valence to spare
    lacking, counts = {"N": 0.9, "O": 0.1}, {"N": 4, "O": 4}
    assert place(lacking, counts, 8)["N"] == 2
    assert place(lacking, counts, 8, room={"N": 1}) == {"N": 1}
