"""Deuterium that was asked for, or that a file consists of, is given back as deuterium."""

from __future__ import annotations

from pathlib import Path

import gemmi
import pytest

from aiida_hpaint.science.structures import (
    StructureBatch,
    prepare_hosts,
    read_hosts,
    write_cif,
)

ROOT = Path(__file__).parents[4]
BRUCITE = ROOT / "examples" / "hosts" / "brucite.cif"
WEIGHT = 24.305 + 2 * 15.999 + 2 * 2.014


def restore(path: Path, add: str | None = None) -> tuple[StructureBatch, gemmi.cif.Block]:
    """Put the hydrogen of brucite where it is published, and write it."""
    hosts, problems = prepare_hosts(path, add)
    assert hosts is not None, problems
    published = read_hosts(ROOT / "examples" / "references" / "brucite.cif")
    frac = hosts.frac_coords.copy()
    frac[hosts.inserted] = published.frac_coords[published.numbers == 1]
    text = write_cif(hosts.with_coords(frac), host=hosts)
    return hosts, gemmi.cif.read_string(text).sole_block()


def list_sites(block: gemmi.cif.Block) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in block.find("_atom_site_", ["label", "type_symbol"])]


@pytest.mark.parametrize("isotope", ["D", "T"])
def test_an_isotope_that_is_asked_for(isotope: str) -> None:
    hosts, block = restore(BRUCITE, f"{isotope}:2")
    assert hosts.numbers[hosts.inserted].tolist() == [1, 1]
    assert any(f"inserted as {isotope}" in note for note in hosts.metadata[0]["notes"])
    label, symbol = list_sites(block)[-1]
    assert symbol == isotope
    assert label.startswith(isotope)
    formula = gemmi.cif.as_string(block.find_value("_chemical_formula_sum"))
    assert sorted(formula.split()) == sorted([f"{isotope}2", "Mg", "O2"])
    assert isotope in gemmi.cif.as_string(block.find_value("_aiida_hpaint_changes") or isotope)


def test_a_deuterated_file_gets_deuterium(tmp_path: Path) -> None:
    path = tmp_path / "deuterated.cif"
    path.write_text(BRUCITE.read_text("utf-8").replace("H2 Mg O2", "D2 Mg O2"), "utf-8")
    _, block = restore(path)
    assert list_sites(block)[-1][1] == "D"
    assert gemmi.cif.as_string(block.find_value("_chemical_formula_sum")) == "D2 Mg O2"
    weight = block.find_value("_chemical_formula_weight")
    assert weight is None or float(weight) == pytest.approx(WEIGHT, abs=0.5)
    small = gemmi.make_small_structure_from_block(block)
    assert [site.element.name for site in small.sites][-1] == "D"


def test_hydrogen_stays_hydrogen() -> None:
    hosts, block = restore(BRUCITE, "H:2")
    assert "inserted_isotope" not in hosts.metadata[0]
    assert list_sites(block)[-1][1] == "H"
