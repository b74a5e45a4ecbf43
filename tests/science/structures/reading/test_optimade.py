"""Structures of OPTIMADE as records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optimade_server import make_entry

from aiida_hpaint.science.structures import HostError
from aiida_hpaint.science.structures.reading import read_records
from aiida_hpaint.science.structures.records import Record


def read(folder: Path, *entries: dict[str, Any]) -> list[Record | HostError]:
    path = folder / "answer.json"
    path.write_text(json.dumps({"data": list(entries)}))
    return read_records(path)


def read_one(folder: Path, **changes: Any) -> Record:
    [record] = read(folder, make_entry("x", **changes))
    assert isinstance(record, Record), record
    return record


def test_a_structure_becomes_a_record_without_symmetry(tmp_path: Path) -> None:
    record = read_one(tmp_path)
    assert [site.label for site in record.sites] == ["Mg1", "O1", "O2"]
    np.testing.assert_allclose(record.sites[1].position or (), [1 / 3, 2 / 3, 0.22], atol=1e-4)
    assert len(record.operations) == 1
    assert record.formulas == {"sum": "H2 Mg O2", "structural": "Mg (O H)2"}
    assert "The provider marks it with 'implicit_atoms'." in record.notes
    assert len(record.source_hash) == 64


def test_attached_atoms_are_hydrogens_of_their_sites(tmp_path: Path) -> None:
    hydroxide = {
        "name": "OH",
        "chemical_symbols": ["O"],
        "concentration": [1.0],
        "attached": ["H", "D", "F"],
        "nattached": [1, 1, 3],
    }
    magnesium = make_entry("x")["attributes"]["species"][0]
    record = read_one(tmp_path, species=[magnesium, hydroxide], species_at_sites=["Mg", "OH", "OH"])
    assert [site.attached_hydrogens for site in record.sites] == [None, 1, 1]


def test_disorder_becomes_occupancies_assemblies_and_groups(tmp_path: Path) -> None:
    mixed = {
        "name": "M",
        "chemical_symbols": ["Mg", "Fe", "vacancy"],
        "concentration": [0.5, 0.25, 0.25],
    }
    oxygen = make_entry("x")["attributes"]["species"][1]
    assemblies = [{"sites_in_groups": [[1], [2]], "group_probabilities": [0.7, 0.3]}]
    record = read_one(
        tmp_path,
        species=[mixed, oxygen],
        species_at_sites=["M", "O", "O"],
        assemblies=assemblies,
    )
    found = [(site.label, site.occupancy, site.assembly, site.group) for site in record.sites]
    assert found == [
        ("Mg1", 0.5, "", ""),
        ("Fe1", 0.25, "", ""),
        ("O1", 0.7, "1", "1"),
        ("O2", 0.3, "1", "2"),
    ]
    assert record.sites[0].position == record.sites[1].position


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension_types": [1, 1, 0]}, "not periodic in three dimensions"),
        ({"lattice_vectors": [[1, 0, 0], [0, 1, 0], [None, None, None]]}, "no complete cell"),
        ({"species_at_sites": ["Mg", "O"]}, "3 positions and 2 species"),
        ({"species_at_sites": ["Mg", "O", "S"]}, "breaks the rules of OPTIMADE"),
        ({"cartesian_site_positions": None}, "breaks the rules of OPTIMADE"),
    ],
)
def test_a_wrong_entry_does_not_stop_the_others(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    wrong, right = read(tmp_path, make_entry("wrong", **changes), make_entry("right"))
    assert isinstance(right, Record)
    assert isinstance(wrong, HostError)
    assert "wrong: " in str(wrong)
    assert message in str(wrong)


@pytest.mark.parametrize("content", ["", "[]", '{"data": []}', '{"sites": []}'])
def test_other_json_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    [error] = read_records(path)
    assert isinstance(error, HostError)
    assert "no JSON" in str(error) or "no structures of OPTIMADE" in str(error)
