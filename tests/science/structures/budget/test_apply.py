"""Hosts get the sites of their budget, and the atoms that carry them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from written_records import read_brucite

from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures import prepare_hosts
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents

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
