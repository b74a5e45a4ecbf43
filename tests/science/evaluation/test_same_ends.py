from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from aiida_hpaint.science.evaluation import mark_same_ends
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate

Make = Callable[..., StructureBatch]


def make_twins(
    brucite: Make, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> StructureBatch:
    """Two samples of one arrangement, the second 0.1 meV lower, and one in between that differs.

    The second is shifted as a whole.
    """
    first = brucite(sample=0, status="converged", energy=-10.0)
    second = brucite(sample=1, status="converged", energy=-10.0005)
    second = replace(second, frac_coords=second.frac_coords + shift)
    other = [[1 / 3, 2 / 3, 0.43], [0.5, 0.1, 0.5]]
    return concatenate(
        [first, second, brucite(other, sample=2, status="converged", energy=-10.0003)]
    )


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.0, 0.0, 0.1)])
def test_what_ended_as_the_same_is_named_once_with_the_counts_of_all(
    brucite: Make, shift: tuple[float, float, float]
) -> None:
    samples = make_twins(brucite, shift).with_scalars(
        same_as=[-1, -1, -1],
        found=[5, 0, 2],
        repeats=[9, 1, 1],
        origin=["generated", "wyckoff", "generated"],
    )
    found = mark_same_ends(samples, brucite()).scalars
    assert found["status"].tolist() == ["duplicate", "converged", "converged"]
    assert found["same_as"].tolist() == [1, -1, -1]
    assert found["found"].tolist() == [5, 5, 2]
    assert found["repeats"].tolist() == [9, 11, 1]


def test_what_fails_the_checks_does_not_stand_for_what_passes(brucite: Make) -> None:
    samples = make_twins(brucite).with_scalars(passes=[True, False, True])
    assert set(mark_same_ends(samples, brucite()).scalars["status"].tolist()) == {"converged"}


def test_images_by_an_operation_of_the_host_are_the_same_although_their_hosts_are_not(
    brucite: Make,
) -> None:
    up, down = [[1 / 3, 2 / 3, 0.43], [0.5, 0.1, 0.5]], [[2 / 3, 1 / 3, 0.57], [0.5, 0.9, 0.5]]
    bent = []
    for number, (sites, towards) in enumerate(((up, 0.05), (down, -0.05))):
        one = brucite(sites, sample=number, status="converged", energy=-10.0)
        frac = one.frac_coords.copy()
        frac[0, 2] += towards  # Mg leaves the centre of inversion
        bent.append(replace(one, frac_coords=frac))
    statuses = mark_same_ends(concatenate(bent), brucite()).scalars["status"]
    assert statuses.tolist() == ["converged", "duplicate"]


def test_samples_in_other_cells_or_of_other_energy_are_kept(brucite: Make) -> None:
    samples = make_twins(brucite)
    wide = replace(samples, cells=samples.cells * np.array([1.0, 1.1, 1.0])[:, None, None])
    assert set(mark_same_ends(wide, brucite()).scalars["status"].tolist()) == {"converged"}
    apart = samples.with_scalars(energy=[-10.0, -10.1, -10.2])
    assert set(mark_same_ends(apart, brucite()).scalars["status"].tolist()) == {"converged"}
