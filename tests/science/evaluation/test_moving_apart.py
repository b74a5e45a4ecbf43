from __future__ import annotations

import numpy as np
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.evaluation import filter_samples
from aiida_hpaint.science.evaluation.moving_apart import move_apart
from aiida_hpaint.science.plausibility.carriers import find_carriers
from aiida_hpaint.science.plausibility.contacts import find_contacts
from aiida_hpaint.science.structures import add_sites, from_ase
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import write_parents

OXYGEN = np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0.5]])
POTASSIUM = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def koh(hydrogen: np.ndarray, parents: tuple[int, ...] = (4, 5, 6, 7)) -> StructureBatch:
    """Samples of KOH as a rock salt (a = 5.78 Å), one for each (4, 3) array of positions."""
    salt = Atoms("K4O4", scaled_positions=[*POTASSIUM, *OXYGEN], cell=[5.78] * 3, pbc=True)
    count = len(hydrogen)
    samples = add_sites(from_ase([salt]), "H:4")[[0] * count]
    coords = samples.frac_coords.copy()
    coords[samples.inserted] = hydrogen.reshape(-1, 3)
    samples = write_parents(samples.with_coords(coords), [parents] * count)
    return samples.with_scalars(
        host=[0] * count, sample=np.arange(count), status=["sampled"] * count
    )


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_hydrogen_on_its_oxygen_is_moved_to_a_bond_length(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = koh(OXYGEN + rng.normal(0, 0.01, (3, 4, 3)))
    moved, counts = move_apart(samples, np.arange(3))
    assert counts.tolist() == [4, 4, 4]
    contacts = find_contacts(moved, np.arange(3))
    assert (find_carriers(contacts) == [4, 5, 6, 7]).all()
    bonds = contacts.distance[contacts.ratio < 1.1]
    np.testing.assert_allclose(bonds[bonds < 1.2], 0.97, atol=0.01)
    np.testing.assert_array_equal(
        moved.frac_coords[~moved.inserted], samples.frac_coords[~samples.inserted]
    )


def test_the_budget_names_the_atom_before_what_is_nearest() -> None:
    crowded = np.concatenate([OXYGEN[:1], OXYGEN[:1], OXYGEN[:1], OXYGEN[:1]])[None]
    moved, _ = move_apart(koh(crowded), np.arange(1))
    carriers = find_carriers(find_contacts(moved, np.array([0])))
    assert np.bincount(carriers[0], minlength=12)[4:8].tolist() == [1, 1, 1, 1]
    unknown, _ = move_apart(koh(crowded, (-1, -1, -1, -1)), np.arange(1))
    assert set(find_carriers(find_contacts(unknown, np.array([0])))[0].tolist()) == {4}


def test_a_host_whose_samples_are_all_too_close_keeps_the_best_of_them() -> None:
    worse = OXYGEN.copy()
    worse[0] = worse[1]
    filtered = filter_samples(koh(np.stack([OXYGEN, worse, OXYGEN])))
    assert filtered.scalars["status"].tolist() == ["sampled", "too close", "sampled"]
    assert filtered.metadata[0]["moved_apart"] == 4
    assert "moved_apart" not in filtered.metadata[1]
    assert filtered.history[-1]["moved_apart"] == 2
    # Other samples that are fine leave those that are not alone.
    fine = filtered.frac_coords[filtered.inserted].reshape(3, 4, 3)[0]
    mixed = filter_samples(koh(np.stack([OXYGEN, fine])))
    assert mixed.scalars["status"].tolist() == ["too close", "sampled"]
