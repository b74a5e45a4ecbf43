"""Which cells hosts are searched in, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure

from aiida_hpaint.science.structures import add_sites, prepare_hosts
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import read_parents, write_parents
from aiida_hpaint.science.structures.primitive import (
    choose_searches,
    describe_searches,
    expand_samples,
    get_search,
    number_searches,
)
from aiida_hpaint.science.structures.primitive.cell import PrimitiveCell

CENTRED = """data_mgo
_chemical_formula_sum 'H2 Mg O2'
_cell_formula_units_Z 4
_cell_length_a 6
_cell_length_b 6
_cell_length_c 7
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F 2 2 2'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Mg1 0 0 0 1
O1 0 0 0.31 1
"""


@pytest.fixture
def centred(tmp_path: Path) -> StructureBatch:
    return read(tmp_path, CENTRED)


def read(folder: Path, text: str) -> StructureBatch:
    path = folder / "centred.cif"
    path.write_text(text)
    hosts, problems = prepare_hosts(path)
    assert hosts is not None, problems
    return hosts


def place(search: StructureBatch, seed: int = 0) -> StructureBatch:
    """Return a sample of each host with its inserted sites at random."""
    coords = search.frac_coords.copy()
    coords[search.inserted] = np.random.default_rng(seed).random((search.inserted.sum(), 3))
    values = {"sample": np.zeros(len(search), int), "energy": -np.ones(len(search))}
    return search.with_coords(coords).with_scalars(**values, host=search.host_indices)


def undeclared(hosts: StructureBatch) -> StructureBatch:
    """Return hosts without the text of their source."""
    bare = [{k: v for k, v in entry.items() if k != "record"} for entry in hosts.metadata]
    return replace(hosts, metadata=tuple(bare))


def test_a_centred_host_is_searched_in_its_primitive_cell_alone(centred: StructureBatch) -> None:
    for cell in ("primitive", "both"):
        (search,) = choose_searches(centred, cell)
        assert centred.n_sites == 20
        assert search.n_sites == 5
        assert search.insert_counts.tolist() == [2]
        assert search.scalars["host"].tolist() == [0]
        assert search.metadata[0]["site_labels"] == ["Mg1", "O1", "O1"]
        assert search.history[-1]["repeats"] == [4]
        # Each O carries one H, in the primitive cell as well.
        assert sorted(read_parents(search).tolist()) == [1, 2]
    (line,) = describe_searches(centred, "both")
    assert line.startswith("centred: Searched in the primitive cell of 5 sites, a quarter of")
    assert choose_searches(centred, "file") == [centred]


def test_a_file_that_lists_all_sites_is_searched_in_both_cells(centred: StructureBatch) -> None:
    hosts = undeclared(centred)
    first, second = choose_searches(hosts, "both")
    assert [first.n_sites, second.n_sites] == [5, 20]
    assert [get_search(each.metadata[0]) for each in (first, second)] == [0, 1]
    (alone,) = choose_searches(hosts, "primitive")
    assert alone.n_sites == 5
    assert "assumed" in alone.metadata[0]["notes"][-1]
    assert "does not say" in first.metadata[0]["notes"][-1]


def test_hydrogen_on_half_occupied_sites_may_break_the_lattice(tmp_path: Path) -> None:
    hosts = read(tmp_path, CENTRED + "H1 0.1 0 0.43 0.5\n")
    assert [each.n_sites for each in choose_searches(hosts, "both")] == [5, 20]


def test_sites_that_cannot_repeat_keep_the_cell_of_the_file(centred: StructureBatch) -> None:
    bare = centred[0]
    host = replace(
        bare,
        site_counts=np.array([12]),
        numbers=bare.numbers[:12],
        frac_coords=bare.frac_coords[:12],
        inserted=bare.inserted[:12],
        metadata=({},),
    )
    (search,) = choose_searches(add_sites(host, "H:3"), "both")
    assert search.n_sites == 15
    assert "3 inserted sites" in search.metadata[0]["notes"][-1]
    assert [s.n_sites for s in choose_searches(add_sites(host, "H:4"), "primitive")] == [4]
    # All four at the atoms of one primitive cell: no translation keeps the budget.
    uneven = write_parents(add_sites(host, "H:4"), [[4, 4, 5, 5]])
    (search,) = choose_searches(uneven, "both")
    assert search.n_sites == 16
    # At two atoms of four along one translation: a smaller reduction.
    images = PrimitiveCell.from_json(
        choose_searches(add_sites(host, "H:4"), "primitive")[0].metadata[0]["searched"]["cell"]
    )
    orbit = next(orbit for orbit in images.sites.tolist() if orbit[0] >= 4 and len(orbit) == 4)
    half = write_parents(add_sites(host, "H:2"), [orbit[:2]])
    (search,) = choose_searches(half, "primitive")
    assert search.n_sites == 7


def test_guesses_and_hosts_that_do_not_repeat_stay_as_they_are(centred: StructureBatch) -> None:
    guesses = place(centred)
    assert choose_searches(guesses, "both")[0] is guesses
    single = choose_searches(centred, "primitive")[0]
    again = replace(single, metadata=({},))
    assert choose_searches(again, "both")[0] is again


def test_samples_come_back_in_the_cell_of_the_file(centred: StructureBatch) -> None:
    (search,) = choose_searches(centred, "both")
    sample = place(search)
    found = expand_samples(sample, centred)
    known = ~centred.inserted
    np.testing.assert_array_equal(found.frac_coords[known], centred.frac_coords[known])
    np.testing.assert_array_equal(found.cells, centred.cells)
    np.testing.assert_array_equal(found.numbers, centred.numbers)
    assert found.scalars["energy"].tolist() == [-4]
    assert found.scalars["cell_repeats"].tolist() == [4]
    assert found.metadata[0]["site_labels"] == centred.metadata[0]["site_labels"]
    assert found.metadata[0]["budget"] == centred.metadata[0]["budget"]
    assert expand_samples(found, centred).equals(found)
    primitive = PrimitiveCell.from_json(sample.metadata[0]["searched"]["cell"])
    small = Structure(sample.cells[0], sample.numbers, sample.frac_coords)
    small.make_supercell(primitive.multiples.tolist())
    assert are_equal(small, Structure(found.cells[0], found.numbers, found.frac_coords))


def are_equal(left: Structure, right: Structure) -> bool:
    """Return whether each site of one is a site of the other."""
    distances = left.lattice.get_all_distances(left.frac_coords, right.frac_coords)
    distances[np.array(left.atomic_numbers)[:, None] != np.array(right.atomic_numbers)] = np.inf
    return bool(max(distances.min(0).max(), distances.min(1).max()) < 1e-6)


def test_moved_sites_of_the_host_move_alike(centred: StructureBatch) -> None:
    (search,) = choose_searches(centred, "both")
    sample = place(search)
    shift = np.array([0.0, 0.01, 0.0])
    coords = sample.frac_coords.copy()
    coords[1] += shift
    found = expand_samples(sample.with_coords(coords), centred)
    moved = (found.frac_coords - centred.frac_coords)[~centred.inserted] @ centred.cells[0]
    lengths = np.linalg.norm(moved, axis=1)
    expected = np.linalg.norm(shift @ sample.cells[0])
    assert np.isclose(lengths, expected).sum() == 4
    assert (lengths == 0).sum() == 8


def test_inserted_sites_stay_at_the_atoms_that_carry_them(centred: StructureBatch) -> None:
    (search,) = choose_searches(centred, "both")
    coords = search.frac_coords.copy()
    parents = read_parents(search)
    coords[search.inserted] = coords[parents] + 0.01
    sample = place(search).with_coords(coords)
    found = expand_samples(sample, centred)
    apart = found.frac_coords[found.inserted] - found.frac_coords[read_parents(found)]
    apart -= np.rint(apart)
    lengths = np.linalg.norm(apart @ found.cells[0], axis=1)
    np.testing.assert_allclose(lengths, lengths[0])
    assert lengths[0] < 0.2


def test_samples_of_two_searches_are_numbered_in_turn(centred: StructureBatch) -> None:
    hosts = concatenate([undeclared(centred), centred])
    first, second = choose_searches(hosts, "both")
    assert first.scalars["host"].tolist() == [0, 1]
    assert second.scalars["host"].tolist() == [0]
    samples = concatenate([place(first), place(second)]).with_scalars(sample=[3, 3, 3])
    numbered = number_searches(samples.with_scalars(parent=[-1, 2, 1]))
    assert numbered.scalars["sample"].tolist() == [6, 3, 7]
    assert numbered.scalars["parent"].tolist() == [-1, 2, 3]
    assert number_searches(numbered).equals(numbered)
    found = expand_samples(samples, hosts)
    assert found.scalars["sample"].tolist() == [6, 3, 7]
    assert found.scalars["cell_repeats"].tolist() == [4, 4, 1]
    assert found.site_counts.tolist() == [20, 20, 20]
