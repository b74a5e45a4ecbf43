from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aiida_hpaint.evaluation import screen
from aiida_hpaint.evaluation.equivalence import HostSymmetry
from aiida_hpaint.structures.batch import StructureBatch, concatenate

Make = Callable[..., StructureBatch]


def test_real_brucite_passes(brucite: Make) -> None:
    assert screen(brucite()).scalars["fate"].tolist() == ["sampled"]


def test_sites_on_top_of_others_are_marked(brucite: Make) -> None:
    on_oxygen = [[1 / 3, 2 / 3, 0.30], [2 / 3, 1 / 3, 0.57]]
    on_each_other = [[0.2, 0.1, 0.5], [0.2, 0.1, 0.55]]
    on_own_image = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.97]]
    samples = concatenate([brucite(h) for h in (on_oxygen, on_each_other, on_own_image)])
    fates = screen(samples).scalars["fate"]
    assert fates.tolist() == ["too close", "too close", "sampled"]


def test_equivalent_samples_are_duplicates_of_the_first(brucite: Make) -> None:
    arrangement = np.array([[0.38, 0.68, 0.43], [0.60, 0.30, 0.58]])
    images = HostSymmetry.of(brucite()).images(arrangement)
    rows = [arrangement, images[3], images[7][::-1] + 1, arrangement + 0.01]
    different = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.97]]
    samples = concatenate([brucite(row, index) for index, row in enumerate([*rows, different])])
    fates = screen(samples).scalars["fate"]
    assert fates.tolist() == ["sampled", "duplicate", "duplicate", "duplicate", "sampled"]


def test_samples_of_other_hosts_are_no_duplicates(brucite: Make) -> None:
    samples = concatenate([brucite(host=0), brucite(host=1)])
    assert screen(samples).scalars["fate"].tolist() == ["sampled", "sampled"]


def test_what_is_not_freshly_sampled_is_left_alone(brucite: Make) -> None:
    samples = concatenate([brucite(fate="failed"), brucite(), brucite(fate="converged")])
    assert screen(samples).scalars["fate"].tolist() == ["failed", "sampled", "converged"]
