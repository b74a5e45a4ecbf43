"""Structures without formula and labels, and what the record says that they lack."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from aiida_hpaint.science.structures import StructureBatch, read_hosts, to_pymatgen
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.host_of_record import prepare_host_of_record
from aiida_hpaint.science.structures.reading import read_records
from aiida_hpaint.science.structures.records import Record

HOSTS = Path(__file__).parents[3] / "examples" / "hosts"
NAMES = sorted(path.stem for path in HOSTS.glob("*.cif"))


def read_record(name: str) -> Record:
    [record] = read_records(HOSTS / f"{name}.cif")
    assert isinstance(record, Record)
    return record


def read_structure(name: str) -> Structure:
    """Return the host as another program has it: without labels, formula and Z."""
    found = to_pymatgen(read_hosts(HOSTS / f"{name}.cif"))[0]
    return Structure(found.lattice, found.species, found.frac_coords)


def prepare(structure: Structure, record: Record) -> StructureBatch:
    host, problems = prepare_host_of_record(structure, record)
    assert problems == ()
    assert host is not None
    return host


@pytest.mark.parametrize("name", NAMES)
def test_a_standardised_primitive_cell_keeps_number_and_labels(name: str) -> None:
    record, structure = read_record(name), read_structure(name)
    primitive = SpacegroupAnalyzer(structure).get_primitive_standard_structure()
    whole, part = prepare(structure, record), prepare(primitive, record)
    ratio = len(structure) / len(primitive)
    assert whole.insert_counts[0] == ratio * part.insert_counts[0]
    labels = [Counter(each.metadata[0]["site_labels"]) for each in (whole, part)]
    assert labels[0] == {label: ratio * count for label, count in labels[1].items()}
    for host in (whole, part):
        symbols = {site.label: site.symbol for site in record.sites}
        found = [symbols[label] for label in host.metadata[0]["site_labels"]]
        assert found == [get_symbol(number) for number in host.numbers[~host.inserted].tolist()]


@settings(max_examples=15)
@given(
    st.permutations(range(3)),
    st.tuples(*[st.floats(-1, 1)] * 3),
    st.integers(1, 2),
    st.integers(0, 2**16),
)
def test_labels_follow_any_other_description(
    order: list[int], shift: tuple[float, ...], copies: int, seed: int
) -> None:
    name = "diaspore"
    record, structure = read_record(name), read_structure(name)
    expected = read_hosts(HOSTS / f"{name}.cif").metadata[0]["site_labels"]
    for site, label in zip(structure, expected, strict=True):
        site.properties["true"] = label
    rows = np.random.default_rng(seed).permutation(len(structure))
    other = Structure(
        structure.lattice.matrix[order],
        [structure[row].specie for row in rows],
        structure.frac_coords[rows][:, order] + shift,
        site_properties={"true": [structure[row].properties["true"] for row in rows]},
    )
    other.make_supercell([copies, 1, 1])
    true = other.site_properties["true"]
    other.remove_site_property("true")
    host = prepare(other, record)
    assert host.metadata[0]["site_labels"] == true
    assert host.insert_counts[0] == 4 * copies


def test_a_structure_of_something_else_is_refused() -> None:
    record, structure = read_record("brucite"), read_structure("portlandite")
    host, [problem] = prepare_host_of_record(structure, record)
    assert host is None
    assert "its sites (Ca1 O2) do not fit those of brucite.cif (Mg1 O2)" in problem.reason


def test_a_complete_structure_lacks_nothing() -> None:
    complete = to_pymatgen(read_hosts(HOSTS.parent / "references" / "brucite.cif"))[0]
    host, [problem] = prepare_host_of_record(complete, read_record("brucite"))
    assert host is None
    assert "no H is missing" in problem.reason
    complete.remove_sites([len(complete) - 1])
    _, [problem] = prepare_host_of_record(complete, read_record("brucite"))
    assert "it has 1 H, and its record lists 0" in problem.reason


def test_sites_that_are_not_recognised_keep_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    record, structure = read_record("brucite"), read_structure("brucite")
    structure.scale_lattice(structure.volume * 8)
    moved = structure.copy()
    moved.translate_sites([1], [0.3, 0.1, 0.25])
    host = prepare(moved, record)
    budget = host.metadata[0]["budget"]
    assert (host.insert_counts[0], budget["by_site"], budget["parents"]) == (2, {}, [-1, -1])
    assert any("were not recognised" in note for note in host.metadata[0]["notes"])


def test_problems_of_the_record_are_those_of_the_structure() -> None:
    record = replace(read_record("brucite"), formulas={})
    host, problems = prepare_host_of_record(read_structure("brucite"), record)
    assert host is None
    assert "(from brucite)" in problems[0].label
