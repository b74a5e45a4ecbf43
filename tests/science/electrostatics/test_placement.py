from __future__ import annotations

import numpy as np
import pytest

from aiida_hpaint.science.electrostatics.placement import place_sites
from aiida_hpaint.science.structures import SampleStatus, StructureBatch, remove_inserted


def test_each_arrangement_is_a_sample(brucite: StructureBatch) -> None:
    host = remove_inserted(brucite)
    assert host.numbers.tolist() == [12, 8, 8]
    points = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]])
    samples = place_sites(host, points, np.array([[0, 2], [2, 1]]), "Li")
    assert len(samples) == 2
    assert samples.labels == host.labels * 2
    assert samples.numbers.reshape(2, 5).tolist() == [[12, 8, 8, 3, 3]] * 2
    np.testing.assert_array_equal(samples[0].frac_coords[:3], host.frac_coords)
    np.testing.assert_array_equal(samples[1].frac_coords[3:], points[[2, 1]])
    assert samples.inserted.reshape(2, 5).tolist() == [[False] * 3 + [True] * 2] * 2
    assert samples.scalars["sample"].tolist() == [0, 1]
    assert set(samples.scalars["status"].tolist()) == {SampleStatus.SAMPLED.value}


def test_there_is_one_host(brucite: StructureBatch) -> None:
    two = remove_inserted(brucite)[[0, 0]]
    with pytest.raises(ValueError, match="one host is needed, got 2"):
        place_sites(two, np.zeros((1, 3)), np.array([[0]]), "H")


def test_displacements_have_their_length_and_are_always_the_same(
    brucite: StructureBatch,
) -> None:
    host = remove_inserted(brucite)
    points = np.random.default_rng(0).random((4, 3))
    chosen = np.array([[0, 3], [3, 1]])
    still = place_sites(host, points, chosen, "H")
    moved = place_sites(host, points, chosen, "H", displacement=0.05)
    again = place_sites(host, points, chosen[1:], "H", displacement=0.05)
    steps = np.linalg.norm(moved.cart_coords - still.cart_coords, axis=1).reshape(2, 5)
    np.testing.assert_allclose(steps, [[0, 0, 0, 0.05, 0.05]] * 2, atol=1e-12)
    np.testing.assert_array_equal(again.frac_coords, moved[1].frac_coords)
