"""Structures in notebooks."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
from ase import Atoms
from restorations import make_restoration

from aiida_hpaint.science.structures import StructureBatch, from_ase
from aiida_hpaint.science.structures.display import format_formula


def list_tags(text: str) -> list[str]:
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.append(tag)  # type: ignore[method-assign]
    parser.feed(text)
    return found


def test_a_batch_is_a_table_with_pictures(samples: StructureBatch) -> None:
    text = samples._repr_html_()
    tags = list_tags(text)
    assert tags.count("tr") == 1 + len(samples)
    assert tags.count("svg") == len(samples)
    assert "-6.5000" in text


def test_texts_are_escaped() -> None:
    restoration = make_restoration(labels=("<script>alert(1)</script>",))
    for text in (restoration._repr_html_(), restoration.samples._repr_html_()):
        assert "script" not in list_tags(text)
        assert "&lt;script&gt;" in text


def test_hosts_without_positions_have_no_picture() -> None:
    hosts = make_restoration().hosts
    assert "svg" not in list_tags(hosts._repr_html_())
    with pytest.raises(ValueError, match="0 of 1 structures have all positions"):
        hosts.view()


def test_a_view_is_a_frame_and_a_page(samples: StructureBatch) -> None:
    view = samples.view()
    assert [scene["title"] for scene in view.scenes] == ["0: Li-H.a", "1: Li-H.a", "2: ß 2"]
    assert list_tags(view._repr_html_()) == ["iframe"]
    assert "default-src 'none'" in view.to_html()


def test_pandas_has_a_row_for_each_structure(samples: StructureBatch) -> None:
    table = samples.to_pandas()
    assert table["label"].tolist() == list(samples.labels)
    assert table["formula"].tolist() == ["LiH", "LiH", "MgH2"]
    np.testing.assert_array_equal(table["energy"], samples.scalars["energy"])


@pytest.mark.parametrize(
    ("atoms", "formula"),
    [
        ("KAl3S2O14H6", "KAl3H6S2O14"),
        ("C4H10N2O4", "C2H5NO2"),
        ("NaHCO3", "NaHCO3"),
        ("Na2CH2O4", "Na2H2CO4"),
        ("NH4Cl", "NH4Cl"),
        ("Mg2H4O4", "Mg(OH)2"),
        ("LiHO", "LiOH"),
        ("H4C8", "C2H"),
        ("Mg2H4", "MgH2"),
        ("XeH12O6", "XeH12O6"),
    ],
)
def test_formulas_are_written_as_chemists_do(atoms: str, formula: str) -> None:
    crystal = from_ase([Atoms(atoms, cell=[9, 9, 9], pbc=True)])
    assert format_formula(crystal) == formula
