from __future__ import annotations

import numpy as np

from aiida_hpaint.science.benchmark.statistics.outcomes import find_represented
from aiida_hpaint.science.structures.batch import StructureBatch


def crystals(places: list[float], statuses: list[str], energies: list[float]) -> StructureBatch:
    """Samples of a Li in a cube with an H at these places along its diagonal."""
    size = len(places)
    frac = np.zeros((size, 2, 3))
    frac[:, 1] = np.array(places)[:, None]
    return StructureBatch(
        labels=("a",) * size,
        cells=np.stack([4.0 * np.eye(3)] * size),
        site_counts=np.full(size, 2),
        numbers=np.tile([3, 1], size),
        frac_coords=frac.reshape(-1, 3),
        inserted=np.tile([False, True], size),
        scalars={"status": np.array(statuses), "energy": np.array(energies)},
    )


def test_an_unrelaxed_duplicate_stands_for_the_earlier_sample_it_is_closest_to_as_drawn() -> None:
    statuses = ["converged", "converged", "duplicate", "converged"]
    energies = [-6.0, -6.1, np.nan, -6.2]
    drawn = crystals([0.25, 0.50, 0.49, 0.49], statuses, energies)
    samples = crystals([0.50, 0.25, 0.49, 0.49], statuses, energies)
    assert find_represented(drawn, samples) == [0, 1, 1, 3]


def test_a_relaxed_duplicate_stands_for_a_lower_sample() -> None:
    statuses = ["duplicate", "higher in energy", "converged", "too close"]
    energies = [-6.0, -5.9, -6.001, np.nan]
    samples = crystals([0.40, 0.40, 0.42, 0.0], statuses, energies)
    assert find_represented(samples, samples) == [2, 1, 2, 3]


def test_a_duplicate_of_what_was_lost_stands_for_itself() -> None:
    samples = crystals([0.4, 0.4], ["collapsed", "duplicate"], [np.nan, np.nan])
    assert find_represented(samples, samples) == [0, 1]
