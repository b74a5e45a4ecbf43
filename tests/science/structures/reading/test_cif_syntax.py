"""Syntax of CIF: gemmi reads what is left after the repairs, and nothing is moved."""

from __future__ import annotations

import pytest

from aiida_hpaint.science.structures import HostError
from aiida_hpaint.science.structures.reading.cif_blocks import CifBlock, parse_cif_blocks
from aiida_hpaint.science.structures.reading.cif_syntax import parse_document

HEAD = "#\\#CIF_2.0\n"


def parse(text: str) -> tuple[CifBlock, list[str]]:
    (block,), notes = parse_cif_blocks("x.cif", text)
    if isinstance(block, HostError):
        raise block
    return block, [*notes, *block.notes]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("'''one\ntwo'''", "one\ntwo"),
        ('"""it\'s "quoted" """', 'it\'s "quoted" '),
        ("[1 [2 3] 'a ] b']", "[1 [2 3] 'a ] b']"),
        ("{'key':[1 2]}", "{'key':[1 2]}"),
        ("'[no list'", "[no list"),
        ("\n;text with [ and '''\n;", "text with [ and '''"),
    ],
)
def test_values_of_cif_2(value: str, expected: str) -> None:
    block, notes = parse(f"{HEAD}data_x\n_first 1\n_value {value}\n_last 2 # it's over\n")
    assert block.values["_value"] == [expected]
    assert block.values["_last"] == ["2"]
    assert notes == []


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("data_x\n_a 'R 3' ccc\n_b 2\n", "The stray word 'ccc' in line 2 was left out."),
        ("data_x\n_a 1\ncomputing_b ?\n_b 2\n", "The stray word 'computing_b' in line 3"),
        ("-- by hand --\ndata_x\n_a 1\n_b 2\n", "Text before the first block was left out."),
        ("data_x\n_a 1\n_title 'one',\n_b 2\n", "_title in line 3 cannot be read (unterminated"),
        (
            "data_x\n_a 1\nloop_\n_author.name\n_author.rank\n'Al' 1\n'Bo'\n_b 2\n",
            "_author_name in line 3 cannot be read (wrong number of values): it was left out.",
        ),
        ("data_x\n_a 1\n_A 1\n_b 2\n", "_A is given twice: the first one was used."),
        ("data_x\n_a 1\n_a ''\n_b 2\n", "_a is given twice, and the second has no value"),
    ],
)
def test_harmless_mistakes_are_noted(text: str, note: str) -> None:
    block, notes = parse(text)
    assert set(block.values) == {"_a", "_b"}
    assert block.values["_b"] == ["2"]
    assert notes[0].startswith(note)


@pytest.mark.parametrize(
    "text",
    [
        "data_x\nloop_\n_atom_site_label\n_atom_site.fract_x\nA 2 B\n",
        "data_x\n_a\n;never ends\n",
        "data_x\n_cell_length_a 'never ends\n",
        "no CIF at all",
        "data_x\n" + "_a 1 " + "word " * 50,
    ],
)
def test_mistakes_that_change_the_meaning_are_errors(text: str) -> None:
    with pytest.raises(HostError, match="it is no readable CIF"):
        parse_document("x.cif", text)


def test_a_name_without_value_takes_none_from_the_next() -> None:
    block, _ = parse("data_x\n_cell_length_a\n_cell_length_b 5\n")
    assert block.find("_cell_length_a") is None
    assert block.find("_cell_length_b") == "5"


def test_names_with_two_values_are_errors_where_they_matter() -> None:
    with pytest.raises(HostError, match="block x gives _Cell_length_a twice"):
        parse("data_x\n_cell_length_a 4\n_Cell_length_a 5\n")
    block, notes = parse("data_x\n_journal_year 1999\n_journal_year 2000\n")
    assert block.values["_journal_year"] == ["1999"]
    assert len(notes) == 1
    assert "2000" not in block.text


def test_text_fields_hold_no_blocks() -> None:
    block, _ = parse("data_x\n_a\n;\ndata_y\nloop_\n_b\n1\n;\n_c 1\n")
    assert set(block.values) == {"_a", "_c"}


def test_reflections_are_left_out_of_the_source() -> None:
    block, _ = parse("data_x\n_a 1\nloop_\n_refln_index_h\n1\n2\n_shelx_hkl_file\n;\n1\n;\n")
    assert set(block.values) == {"_a"}
    assert "refln" not in block.text
    assert "hkl" not in block.text
