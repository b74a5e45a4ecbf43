"""Hosts get the sites of their budget, and the atoms that carry them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from written_records import read_brucite

from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures import prepare_hosts, read_hosts
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents
from aiida_hpaint.science.structures.insertion import ISOTOPE
from aiida_hpaint.science.structures.inspection import inspect_file

FILES = Path(__file__).parent / "files"
BRUCITE = Atoms(
    "MgO2",
    scaled_positions=[(0, 0, 0), (1 / 3, 2 / 3, 0.2203), (2 / 3, 1 / 3, 0.7797)],
    cell=[3.14979, 3.14979, 4.7702, 90, 90, 120],
    pbc=True,
)


def test_parents_are_the_atoms_of_the_sites_that_carry_h() -> None:
    hosts, problems = prepare_hosts(FILES / "gypsum_half_H.cif")
    assert hosts is not None
    assert not problems
    labels = hosts.metadata[0]["site_labels"]
    parents = read_parents(hosts)
    assert [labels[parent] for parent in parents] == ["O5"] * 8
    assert len(set(parents.tolist())) == 8
    assert np.isnan(hosts.frac_coords[hosts.inserted]).all()
    assert hosts.metadata[0]["budget"]["missing"] == 8
    assert any("Bond valences" in note for note in hosts.metadata[0]["notes"])


def test_water_is_the_parent_of_two() -> None:
    hosts, _ = prepare_hosts(FILES / "gyp_amcsd_WatOW.cif")
    assert hosts is not None
    assert sorted(np.unique(read_parents(hosts), return_counts=True)[1]) == [2] * 8


def test_files_that_say_nothing_take_what_is_given() -> None:
    _, problems = prepare_hosts(BRUCITE)
    assert "does not say how many H it lacks" in str(problems[0])
    hosts, problems = prepare_hosts(BRUCITE, "H:2")
    assert hosts is not None
    assert not problems
    assert read_parents(hosts).tolist() == [1, 2]
    hosts, _ = prepare_hosts(BRUCITE, "H:3")
    assert hosts is not None
    assert UNKNOWN in read_parents(hosts)
    hosts, _ = prepare_hosts(BRUCITE, settings=HostSettings(budget={"O1": 2}))
    assert hosts is not None
    assert read_parents(hosts).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("formula", "isotope", "note"),
    [
        ("H2 Mg O2", None, ""),
        ("D2 Mg O2", "D", "Sites are inserted as D, and computed as H"),
        ("D1.8 H0.2 Mg O2", None, "The file names D and H: sites are inserted as H"),
    ],
)
def test_the_isotope_that_a_file_names_is_inserted_and_said(
    tmp_path: Path, formula: str, isotope: str | None, note: str
) -> None:
    read_brucite(tmp_path, {"_chemical_formula_sum": formula})
    path = tmp_path / "test.cif"
    hosts, _ = prepare_hosts(read_hosts(path))
    assert hosts is not None
    assert hosts.metadata[0].get(ISOTOPE) == isotope
    assert (note in hosts.metadata[0]["notes"]) == bool(note)
    (inspection,) = inspect_file(path)
    assert (note in inspection.notes) == bool(note)


def test_ordering_keeps_the_isotope(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0 0.9", "Fe1 Fe 0 0 0 0.1", "O1 O 0.333333 0.666667 0.2203 1")
    items = {"_chemical_formula_sum": "D2 Fe0.1 Mg0.9 O2"}
    read_brucite(tmp_path, items, columns=["occupancy"], rows=rows)
    hosts, _ = prepare_hosts(read_hosts(tmp_path / "test.cif"))
    assert hosts is not None
    assert hosts.metadata[0][ISOTOPE] == "D"
    (inspection,) = inspect_file(tmp_path / "test.cif")
    assert inspection.formulas == {"sum": "D2 Fe0.1 Mg0.9 O2"}
    assert inspection.evidence[0].source == "formula of the ordered cell"


def test_other_elements_have_no_parents() -> None:
    hosts, _ = prepare_hosts(BRUCITE, "Li:1,H:2")
    assert hosts is not None
    assert hosts.numbers[hosts.inserted].tolist() == [3, 1, 1]
    assert read_parents(hosts).tolist() == [UNKNOWN, 1, 2]


def test_a_complete_structure_is_a_problem() -> None:
    hosts, problems = prepare_hosts(FILES / "gypsum_amcsd_double.cif", "H:16")
    assert hosts is not None
    assert not problems
    _, problems = prepare_hosts(FILES / "gypsum_half_H.cif", "H:4")
    assert "contradicts its file" in str(problems[0])


@pytest.mark.parametrize("counts", ["H:0", {"H": 0}])
def test_nothing_to_add_is_an_error(counts: str | dict[str, int]) -> None:
    assert "there are no sites to add" in str(prepare_hosts(BRUCITE, counts)[1][0])


def test_bond_valences_doubt_a_formula_without_h(tmp_path: Path) -> None:
    read_brucite(tmp_path, {"_chemical_formula_sum": "Mg O2"})
    (problem,) = prepare_hosts(tmp_path / "test.cif")[1]
    assert "not say whether H is missing: _chemical_formula_sum: 'Mg O2'" in problem.reason
    assert "bond valences: valence without H (v.u.): O1 1.0; 2 H in the cell" in problem.reason
    assert "--add H:2, or where with --budget O1:1" in problem.remedy
    trusting = HostSettings(trust="formula")
    (problem,) = prepare_hosts(tmp_path / "test.cif", settings=trusting)[1]
    assert "nothing is missing: _chemical_formula_sum: 'Mg O2'" in problem.reason


def test_large_cells_take_seconds_at_most() -> None:
    hosts, problems = prepare_hosts(BRUCITE.repeat((7, 7, 7)), "H:686")
    assert hosts is not None
    assert not problems
    assert (read_parents(hosts) != UNKNOWN).all()
