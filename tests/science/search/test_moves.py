"""What moves change, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.build import molecule
from ase.geometry import get_distances

from aiida_hpaint.science.plausibility import count_misplaced, find_parents
from aiida_hpaint.science.search.evidence import Evidence
from aiida_hpaint.science.search.moves import Order, is_possible, make_moves
from aiida_hpaint.science.search.subsets import choose_subset, free_places, list_units
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import StructureBatch, from_ase
from aiida_hpaint.science.structures.budget.parents import read_parents, write_parents

SETTINGS = SamplingSettings(generator="random", seed=3)


@pytest.fixture
def waters() -> StructureBatch:
    """A relaxed sample of two water molecules, whose O are the host."""
    atoms = molecule("H2O", cell=np.diag([7.0, 8.0, 9.0]), pbc=True)
    other = atoms.copy()
    other.positions += [3.0, 3.5, 4.0]
    both = atoms + other
    both = both[[0, 3, 1, 2, 4, 5]]
    batch = from_ase([both])
    inserted = batch.numbers == 1
    scalars = {
        "host": [0],
        "sample": [4],
        "status": ["converged"],
        "energy": [-1.0],
        "energy_sampled": [-0.5],
        "energy_scored": [-0.7],
        "max_force": [0.01],
        "steps": [20],
        "origin": ["generated"],
        "parent": [-1],
        "same_as": [-1],
        "round": [0],
        "draws": [1],
    }
    arrays = {name: np.array(values) for name, values in scalars.items()}
    return replace(batch, inserted=inserted, scalars=arrays)


def order(sample: StructureBatch, count: int) -> Order:
    return Order(Evidence.collect(sample, 0.3), count)


def bond_lengths(sample: StructureBatch) -> np.ndarray:
    cart, carriers = sample.cart_coords, find_parents(sample)
    hydrogens = np.flatnonzero(sample.inserted)
    _, lengths = get_distances(cart[hydrogens], cart, cell=sample.cells[0], pbc=True)
    return np.sort(lengths[np.arange(len(hydrogens)), carriers])


def test_units_are_the_sites_of_one_atom(waters: StructureBatch) -> None:
    assert [(unit.carrier, unit.members.tolist()) for unit in list_units(waters)] == [
        (0, [0, 1]),
        (1, [2, 3]),
    ]


def test_a_subset_is_made_of_whole_units(waters: StructureBatch) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        assert choose_subset(waters, list_units(waters), rng).tolist() in (
            [True, True, False, False],
            [False, False, True, True],
        )
        assert choose_subset(waters, list_units(waters), rng, alone=True).sum() == 1


def test_what_is_placed_anew_gets_the_places_that_are_left(waters: StructureBatch) -> None:
    # The budget counts atoms: its first two places are those of the other molecule.
    told = write_parents(waters, [[1, 1, 0, 0]])
    freed = free_places(told, np.array([True, True, False, False]))
    assert read_parents(freed).tolist() == [0, 0, 1, 1]
    assert free_places(waters, np.array([True, False, False, False])) is waters


@pytest.mark.parametrize("move", ["generated", "random", "inpainted", "swapped", "turned"])
def test_moves_are_new_samples_without_results(waters: StructureBatch, move: str) -> None:
    made = make_moves(move, [order(waters, 3)], SETTINGS, None)
    assert len(made) == 3
    assert set(made.scalars) == set(waters.scalars)
    assert set(made.scalars["origin"]) == {move}
    assert set(made.scalars["status"]) == {"sampled"}
    assert np.isnan(made.scalars["energy"]).all()
    parent = -1 if move in ("generated", "random") else 4
    assert set(made.scalars["parent"].tolist()) == {parent}
    host = ~waters.inserted
    for sample in made:
        assert np.array_equal(sample.frac_coords[host], waters.frac_coords[host])
        assert not np.allclose(sample.frac_coords, waters.frac_coords)


def test_inpainting_keeps_the_other_sites(waters: StructureBatch) -> None:
    for sample in make_moves("inpainted", [order(waters, 4)], SETTINGS, None):
        kept = np.isclose(sample.frac_coords, waters.frac_coords, atol=1e-12).all(1)
        assert kept.sum() == len(kept) - 2


def test_turning_keeps_the_lengths_of_bonds(waters: StructureBatch) -> None:
    for sample in make_moves("turned", [order(waters, 4)], SETTINGS, None):
        assert np.allclose(bond_lengths(sample), bond_lengths(waters), atol=1e-9)


def test_moves_respect_the_budget(waters: StructureBatch) -> None:
    told = write_parents(waters, [[1, 1, 0, 0]])
    for move in ("random", "inpainted", "swapped", "turned"):
        made = make_moves(move, [order(told, 4)], SETTINGS, None)
        assert count_misplaced(made).tolist() == [0] * 4, move


def test_a_move_depends_on_its_host_and_its_number_alone(waters: StructureBatch) -> None:
    other = waters.with_scalars(host=[1])
    for move in ("random", "inpainted", "turned"):
        alone = make_moves(move, [order(waters, 2)], SETTINGS, None)
        beside = make_moves(move, [order(other, 3), order(waters, 2)], SETTINGS, None)
        assert np.allclose(beside[3:].frac_coords, alone.frac_coords, atol=1e-12)
        assert np.allclose(beside[:2].frac_coords, alone.frac_coords, atol=1e-12)


def test_turns_do_not_depend_on_the_orientation_of_the_cell(waters: StructureBatch) -> None:
    from scipy.spatial.transform import Rotation

    rotation = Rotation.from_euler("xyz", [0.3, 0.8, -0.5]).as_matrix()
    turned = replace(waters, cells=waters.cells @ rotation)
    here = make_moves("turned", [order(waters, 2)], SETTINGS, None)
    there = make_moves("turned", [order(turned, 2)], SETTINGS, None)
    assert np.allclose(here.frac_coords, there.frac_coords, atol=1e-8)


def test_what_cannot_be_done_is_not_tried(waters: StructureBatch) -> None:
    single = waters.inserted & (np.cumsum(waters.inserted) == 1)
    evidence = Evidence.collect(replace(waters, inserted=single), 0.3)
    possible = ("random", "inpainted", "swapped", "turned")
    assert [move for move in possible if is_possible(move, evidence, SETTINGS)] == [
        "random",
        "turned",
    ]
    failed = Evidence.collect(waters.with_scalars(status=["failed"], energy=[np.nan]), 0.3)
    assert [move for move in possible if is_possible(move, failed, SETTINGS)] == ["random"]


def test_h_in_geometric_positions_is_left_alone() -> None:
    atoms = molecule("CH3CH2OH", cell=np.diag([7.0, 8.0, 9.0]), pbc=True)
    batch = from_ase([atoms])
    ethanol = replace(batch, inserted=batch.numbers == 1)
    hydroxyl = [(2, [0])] if atoms.numbers[2] == 8 else []
    units = list_units(ethanol)
    assert [atoms.numbers[unit.carrier] for unit in units] == [8]
    assert hydroxyl == [(unit.carrier, unit.members.tolist()) for unit in units]
    assert len(list_units(ethanol, geometric=False)) == 3
    chosen = choose_subset(ethanol, units, np.random.default_rng(0))
    assert np.flatnonzero(chosen).tolist() == units[0].members.tolist()
