from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.evaluation import filter_samples
from aiida_hpaint.science.evaluation.equivalence import find_host_symmetry
from aiida_hpaint.science.settings import FilterSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate

Make = Callable[..., StructureBatch]
HYDROGEN = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.57]]


def test_real_brucite_passes(brucite: Make) -> None:
    assert filter_samples(brucite()).scalars["status"].tolist() == ["sampled"]


def test_sites_on_top_of_others_are_marked(brucite: Make) -> None:
    on_oxygen = [[1 / 3, 2 / 3, 0.30], [2 / 3, 1 / 3, 0.57]]
    on_each_other = [[0.2, 0.1, 0.5], [0.2, 0.1, 0.55]]
    on_own_image = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.97]]
    samples = concatenate([brucite(h) for h in (on_oxygen, on_each_other, on_own_image)])
    statuses = filter_samples(samples).scalars["status"]
    assert statuses.tolist() == ["too close", "too close", "sampled"]


def test_equivalent_samples_are_duplicates_of_the_first(brucite: Make) -> None:
    arrangement = np.array([[0.38, 0.68, 0.43], [0.60, 0.30, 0.58]])
    images = find_host_symmetry(brucite()).images(arrangement)
    rows = [arrangement, images[3], images[7][::-1] + 1, arrangement + 0.01]
    different = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.97]]
    samples = concatenate([brucite(row, index) for index, row in enumerate([*rows, different])])
    statuses = filter_samples(samples).scalars["status"]
    assert statuses.tolist() == ["sampled", "duplicate", "duplicate", "duplicate", "sampled"]


def test_samples_of_other_hosts_are_no_duplicates(brucite: Make) -> None:
    samples = concatenate([brucite(host=0), brucite(host=1)])
    assert filter_samples(samples).scalars["status"].tolist() == ["sampled", "sampled"]


def test_what_is_not_freshly_sampled_is_left_alone(brucite: Make) -> None:
    samples = concatenate([brucite(status="failed"), brucite(), brucite(status="too close")])
    assert filter_samples(samples).scalars["status"].tolist() == ["failed", "sampled", "too close"]


def test_new_samples_repeat_what_was_evaluated(brucite: Make) -> None:
    other = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.97]]
    samples = [brucite(), brucite(other, 1), brucite(sample=2, status="converged")]
    filtered = filter_samples(concatenate(samples))
    assert filtered.scalars["status"].tolist() == ["duplicate", "sampled", "converged"]
    assert filtered.scalars["same_as"].tolist() == [2, -1, -1]


def test_what_was_evaluated_tolerates_no_violations_in_new_samples(brucite: Make) -> None:
    alone = filter_samples(brucite(STRAY))
    beside = filter_samples(concatenate([brucite(STRAY), brucite(sample=1, status="converged")]))
    assert alone.scalars["status"].tolist() == ["sampled"]
    assert beside.scalars["status"].tolist() == ["implausible", "converged"]


STRAY = [[0.1, 0.1, 0.42], [0.1, 0.1, 0.58]]
LONELY = [[0.0, 0.0, 0.50], [2 / 3, 1 / 3, 0.57]]


def test_absurd_surroundings_are_marked_with_the_reason(brucite: Make) -> None:
    samples = concatenate([brucite(h, i) for i, h in enumerate([STRAY, HYDROGEN, LONELY])])
    filtered = filter_samples(samples)
    assert filtered.scalars["status"].tolist() == ["implausible", "sampled", "sampled"]
    assert filtered.metadata[0]["error"] == "a stray H2"
    assert filtered.metadata[1] == {}


def test_plausibility_can_be_left_out(brucite: Make) -> None:
    samples = concatenate([brucite(STRAY), brucite()])
    filtered = filter_samples(samples, FilterSettings(plausible=False))
    assert filtered.scalars["status"].tolist() == ["sampled", "sampled"]


def test_the_least_bad_samples_of_a_host_stay(brucite: Make) -> None:
    moved = np.add(STRAY, [0.3, 0.0, 0.0])
    samples = concatenate([brucite(STRAY), brucite(moved)])
    assert filter_samples(samples).scalars["status"].tolist() == ["sampled", "sampled"]


def test_duplicates_are_as_far_apart_as_the_settings_say(brucite: Make) -> None:
    near = np.add(HYDROGEN, [0.03, 0, 0])
    samples = concatenate([brucite(), brucite(near)])
    assert filter_samples(samples).scalars["status"].tolist() == ["sampled", "duplicate"]
    strict = filter_samples(samples, FilterSettings(same=0.02))
    assert strict.scalars["status"].tolist() == ["sampled", "sampled"]


def test_the_history_says_how_it_was_filtered(brucite: Make) -> None:
    record = filter_samples(concatenate([brucite(), brucite()])).history[-1]
    assert record["stage"] == "filter"
    assert record["settings"] == {"plausible": True, "same": 0.3}
    assert record["statuses"] == {"duplicate": 1, "sampled": 1}


def test_samples_without_positions_are_left_alone(brucite: Make) -> None:
    samples = concatenate([brucite(np.full((2, 3), np.nan)), brucite()])
    assert filter_samples(samples).scalars["status"].tolist() == ["sampled", "sampled"]


@given(st.integers(0, 1000))
@settings(max_examples=15)
def test_what_becomes_of_a_host_is_its_own_affair(brucite: Make, seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = concatenate([brucite(rng.random((2, 3)), i, host=0) for i in range(6)])
    other = concatenate([brucite(rng.random((2, 3)), i, host=1) for i in range(6)])
    apart = [*filter_samples(one).scalars["status"], *filter_samples(other).scalars["status"]]
    order = rng.permutation(12)
    together = filter_samples(concatenate([one, other])[np.sort(order)]).scalars["status"]
    assert together.tolist() == apart


@given(st.integers(0, 1000), st.integers(0, 11))
@settings(max_examples=15)
def test_symmetry_and_periodic_images_change_no_verdict(
    brucite: Make, seed: int, operation: int
) -> None:
    rng = np.random.default_rng(seed)
    frac = rng.random((5, 2, 3))
    symmetry = find_host_symmetry(brucite())
    moved = [symmetry.images(row)[operation] + rng.integers(-2, 3, (2, 3)) for row in frac]
    ours, theirs = (
        filter_samples(concatenate([brucite(row, i) for i, row in enumerate(rows)]))
        for rows in (frac, moved)
    )
    assert ours.scalars["status"].tolist() == theirs.scalars["status"].tolist()
