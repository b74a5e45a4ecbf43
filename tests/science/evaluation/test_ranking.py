from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aiida_hpaint.science.evaluation import find_answers, rank, select_lowest
from aiida_hpaint.science.plausibility import count_misplaced
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import write_parents

Make = Callable[..., StructureBatch]


def relaxed(brucite: Make, energies: list[float], **scalars: object) -> StructureBatch:
    """One sample for each energy, no two alike."""
    return concatenate(
        [
            brucite(
                [[1 / 3, 2 / 3, 0.43], [0.5, 0.1, 0.5 + 0.09 * index]],
                index,
                **{"status": "converged", "energy": energy, **scalars},
            )
            for index, energy in enumerate(energies)
        ]
    )


def test_the_lowest_stay_and_the_rest_has_a_higher_energy(brucite: Make) -> None:
    samples = relaxed(brucite, [-10.0, -12.0, -11.0])
    statuses = select_lowest(samples, keep=2, window=0.0).scalars["status"]
    assert statuses.tolist() == ["higher in energy", "converged", "converged"]


def test_nothing_is_selected_among_structures_without_an_energy(brucite: Make) -> None:
    reference = brucite(status="sampled")
    assert "energy" not in reference.scalars
    assert select_lowest(reference, keep=1, window=0.0, misplaced=0.5) is reference


def test_close_ones_stay_up_to_twice_as_many(brucite: Make) -> None:
    samples = relaxed(brucite, [-10.00, -10.01, -10.02, -10.03])
    statuses = select_lowest(samples, keep=1, window=0.1).scalars["status"]
    assert statuses.tolist() == ["higher in energy", "higher in energy", "converged", "converged"]


def test_what_relaxed_to_the_same_is_a_duplicate(brucite: Make) -> None:
    twins = [brucite(sample=i, status="converged", energy=-10.0 - 1e-4 * i) for i in range(2)]
    samples = concatenate([*twins, relaxed(brucite, [-9.0])])
    statuses = select_lowest(samples, keep=2, window=0.0).scalars["status"]
    assert statuses.tolist() == ["duplicate", "converged", "converged"]


def test_each_host_is_ranked_by_itself(brucite: Make) -> None:
    samples = concatenate(
        [relaxed(brucite, [-10.0, -12.0], host=0), relaxed(brucite, [-1.0, -3.0, -2.0], host=1)]
    )
    ranked = rank(samples).scalars
    assert ranked["rank"].tolist() == [1, 0, 2, 0, 1]
    np.testing.assert_allclose(ranked["energy_above_best"], [0.4, 0, 0.4, 0, 0.2], atol=1e-12)


def test_only_relaxed_samples_are_ranked(brucite: Make) -> None:
    samples = concatenate(
        [
            relaxed(brucite, [-1e6], status="implausible energy"),
            relaxed(brucite, [np.nan], status="failed"),
            relaxed(brucite, [-10.0], status="not converged"),
        ]
    )
    ranked = rank(samples).scalars
    assert ranked["rank"].tolist() == [-1, -1, 0]
    assert np.isnan(ranked["energy_above_best"][:2]).all()


def test_a_host_without_relaxed_samples_has_no_rank(brucite: Make) -> None:
    assert rank(relaxed(brucite, [np.nan], status="failed")).scalars["rank"].tolist() == [-1]


def test_misplaced_hydrogen_has_to_be_lower_by_more_than_a_margin(brucite: Make) -> None:
    right, wrong = [[1 / 3, 2 / 3, 0.43], [2 / 3, 1 / 3, 0.57]], [[0.2, 0.5, 0.4], [0.6, 0.8, 0.4]]
    values = ((right, -10.0), (wrong, -10.4))
    samples = concatenate(
        [
            brucite(sites, index, status="converged", energy=energy)
            for index, (sites, energy) in enumerate(values)
        ]
    )
    oxygens = np.flatnonzero(samples[0].numbers == 8).tolist()
    told = write_parents(samples, [oxygens] * 2)
    assert count_misplaced(told).tolist() == [0, 1]
    for margin, kept in ((0.0, [1]), (0.3, [1]), (0.5, [0])):
        statuses = select_lowest(told, keep=1, window=0.0, misplaced=margin).scalars["status"]
        assert np.flatnonzero(statuses == "converged").tolist() == kept
    unknown = select_lowest(samples, keep=1, window=0.0, misplaced=9.0).scalars["status"]
    assert np.flatnonzero(unknown == "converged").tolist() == [1]


def test_candidates_that_pass_rank_first_by_energy(brucite: Make) -> None:
    samples = concatenate(
        [relaxed(brucite, [-30.0, -10.0, -20.0], host=0), relaxed(brucite, [-5.0], host=1)]
    )
    ranked = rank(samples.with_scalars(passes=[False, True, True, False]))
    assert ranked.scalars["rank"].tolist() == [2, 1, 0, 0]
    np.testing.assert_allclose(ranked.scalars["energy_above_best"], [-2, 2, 0, 0], atol=1e-12)
    assert find_answers(ranked).tolist() == [False, False, True, False]
