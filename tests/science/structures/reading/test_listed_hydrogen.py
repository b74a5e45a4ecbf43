"""Listed H at placeholders, and those that nothing carries."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_hpaint.science.structures.reading.listed_hydrogen import check_listed_hydrogen
from aiida_hpaint.science.structures.records import ListedSite
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

CELL = SymmetryOperations(10 * np.eye(3), np.eye(3)[None], np.zeros((1, 3)))
OXYGEN = ListedSite("O1", "O", (0.5, 0.5, 0.5))


def check(*hydrogens: tuple[float, float, float], other: ListedSite = OXYGEN) -> tuple[str, str]:
    """Return which H keep a position, and the notes."""
    listed = [ListedSite(f"H{n}", "H", place) for n, place in enumerate(hydrogens, 1)]
    notes: list[str] = []
    found = check_listed_hydrogen([other, *listed], CELL, notes)
    assert [site.label for site in found] == [site.label for site in (other, *listed)]
    return " ".join(s.label for s in found[1:] if s.position is not None), " ".join(notes)


@pytest.mark.parametrize(
    ("hydrogens", "kept", "note"),
    [
        ([(0.5, 0.5, 0.6)], "H1", ""),
        ([(0.0, 0.0, 0.0)], "", "placeholders such as 0 0 0 have no position: H1"),
        ([(0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.5, 0.5, 0.6)], "H3", "no position: H1, H2"),
        ([(9.999, 9.999, 9.999)], "", "no position: H1"),
        ([(0.2, 0.2, 0.2)], "H1", "carry these listed H, which were kept: H1"),
        ([(0.5, 0.5, 0.51)], "H1", "carry these listed H, which were kept: H1"),
    ],
)
def test_placeholders_and_loose_h(
    hydrogens: list[tuple[float, float, float]], kept: str, note: str
) -> None:
    found, notes = check(*hydrogens)
    assert found == kept
    assert note in notes
    assert bool(note) == bool(notes)


def test_h_of_hydrides_and_beside_an_oxygen_may_be_at_the_origin() -> None:
    assert check((0.0, 0.0, 0.0), other=ListedSite("O1", "O", (0.0, 0.0, 0.09))) == ("H1", "")
    assert check((0.0, 0.0, 0.0), other=ListedSite("Na1", "Na", (0.5, 0.5, 0.5))) == ("H1", "")


@pytest.mark.parametrize(
    ("symbol", "length"), [("P", 1.42), ("Si", 1.48), ("S", 1.34), ("Ba", 2.8), ("Cs", 3.19)]
)
def test_bonds_of_large_atoms_to_h_are_long(symbol: str, length: float) -> None:
    sites = [
        ListedSite("O1", "O", (0.5, 0.5, 0.5)),
        ListedSite("M1", symbol, (0.0, 0.0, length / 10)),
        ListedSite("H1", "H", (0.0, 0.0, 0.0)),
    ]
    notes: list[str] = []
    assert check_listed_hydrogen(sites, CELL, notes) == tuple(sites)
    assert not notes


def test_a_row_that_is_listed_twice_beside_its_oxygen_is_no_placeholder() -> None:
    assert check((0.5, 0.5, 0.6), (0.5, 0.5, 0.6)) == ("H1 H2", "")
    assert check((0.2, 0.2, 0.2), (0.2, 0.2, 0.2))[0] == ""
