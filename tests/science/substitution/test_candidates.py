"""Exchanged structures before any relaxation."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.geometry import get_distances

from aiida_hpaint.science.diffusion.training.structures import TrainingCrystal
from aiida_hpaint.science.substitution.candidates import Candidate, build_structure
from aiida_hpaint.science.substitution.groups import GROUPS, get_group_atoms, random_rotation_to
from aiida_hpaint.science.substitution.settings import Swap


def blank(swap: str, seed: int = 0) -> Candidate:
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    crystal = TrainingCrystal(salt.numbers, salt.get_scaled_positions(), salt.cell.array)
    return Candidate("salt", crystal, Swap.model_validate(swap), (seed,))


@pytest.mark.parametrize("swap", ["Cl>H", "Cl>OH", "Na>NH4", "Cl>BH4", "Cl>NH2"])
def test_every_site_of_the_element_is_exchanged(swap: str) -> None:
    made = build_structure(blank(swap), 1.0, 0.0)
    take, put = swap.split(">")
    stays = 11 if take == "Cl" else 17
    numbers, _ = get_group_atoms(put)
    assert (made.numbers == stays).sum() == 4
    assert made.n_sites == blank(swap).sites == 4 + 4 * len(numbers)


@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_groups_keep_their_size_whatever_the_cell(scale: float) -> None:
    made = build_structure(blank("Cl>OH"), scale, 0.0)
    cart, cell = made.cart_coords, made.cells[0]
    _, lengths = get_distances(cart[made.numbers == 8], cart[made.numbers == 1], cell, pbc=True)
    assert lengths.min(axis=1) == pytest.approx(0.98)
    assert cell == pytest.approx(5.64 * scale * np.eye(3))


def test_a_group_turns_away_from_its_neighbours() -> None:
    numbers = np.array([11, 17])
    crystal = TrainingCrystal(numbers, np.array([[0, 0, 0], [0, 0, 0.25]]), 10 * np.eye(3))
    made = build_structure(Candidate("pair", crystal, Swap.model_validate("Cl>OH"), (1,)), 1.0, 0.0)
    oxygen, hydrogen = made.cart_coords[made.numbers == 8], made.cart_coords[made.numbers == 1]
    assert hydrogen - oxygen == pytest.approx(np.array([[0, 0, 0.98]]))


def test_a_structure_depends_on_its_seed_alone() -> None:
    first, again, other = (build_structure(blank("Na>NH4", seed), 1.0, 0.1) for seed in (3, 3, 4))
    assert first.equals(again)
    assert not np.allclose(first.frac_coords, other.frac_coords)


@pytest.mark.parametrize("name", GROUPS)
def test_a_rotation_keeps_a_group(name: str) -> None:
    _, positions = get_group_atoms(name)
    rotation = random_rotation_to(np.array([1.0, 2.0, -0.5]), np.random.default_rng(0))
    assert rotation @ rotation.T == pytest.approx(np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert rotation @ np.array([0, 0, 1]) == pytest.approx(np.array([1, 2, -0.5]) / np.sqrt(5.25))
    turned = positions @ rotation.T
    assert np.linalg.norm(turned, axis=1) == pytest.approx(np.linalg.norm(positions, axis=1))
