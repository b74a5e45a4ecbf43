"""Labels are read as the file has them."""

from __future__ import annotations

from pathlib import Path

from written_records import read_brucite

from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.labels import find_label_evidence, read_label
from aiida_hpaint.science.structures.reading import expand_record


def test_the_part_of_a_site_is_no_hydroxyl(tmp_path: Path) -> None:
    """Where ordering splits a site O over many, one of them is called Oh, and one Ow."""
    cell = CellContent.from_host(expand_record(read_brucite(tmp_path, {}, "Oh")))
    (named,) = find_label_evidence(cell, None)
    assert named.by_site == {"Oh": 1}
    assert find_label_evidence(cell, None, {"Oh": "O"}) == []


def test_numbers_of_shelxt_are_no_hydroxyls() -> None:
    assert [read_label("O", label) for label in ("O00H", "O01W", "O0AH")] == [None] * 3
    assert read_label("O", "O1H") is not None
    assert read_label("O", "O10H") is not None
