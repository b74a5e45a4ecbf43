"""Chunks that are taken apart by hosts, and put together again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.settings import FilterSettings, SamplingSettings, SymmetrySettings
from aiida_hpaint.science.stages import propose_and_filter
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.joining import join_in_order

SYMMETRY = SymmetrySettings(symmetrised=True, wyckoff=2)


@pytest.fixture
def hosts(brucite: StructureBatch) -> StructureBatch:
    """Three hosts that differ a little, at the places 4, 5 and 9 of a campaign."""
    three = replace(brucite[[0, 0, 0]], labels=("a", "b", "c"))
    stretch = np.array([1.0, 1.01, 1.02])[:, None, None]
    return replace(three, cells=three.cells * stretch).with_scalars(host=[4, 5, 9])


def drawn(hosts: StructureBatch) -> StructureBatch:
    from aiida_hpaint.science.diffusion import generate

    made = generate(hosts, SamplingSettings(generator="random", samples=4, seed=3))
    filtered = propose_and_filter(made, SYMMETRY, FilterSettings())
    return filtered.with_scalars(host=hosts.host_indices[filtered.scalars["host"]])


@pytest.mark.usefixtures("profile")
@given(st.integers(1, 500))
def test_halves_of_halves_are_single_hosts(count: int) -> None:
    from aiida_hpaint.workflows.restore.split import halve

    waiting, single, rounds = [(0, count)], [], 0
    while waiting:
        rounds += 1
        single += [part for part in waiting if len(halve(part)) == 1]
        waiting = [half for part in waiting if len(halve(part)) == 2 for half in halve(part)]
    assert sorted(single) == [(i, i + 1) for i in range(count)]
    assert rounds <= int(np.ceil(np.log2(count))) + 1


def test_samples_of_parts_stand_as_in_one_job(hosts: StructureBatch) -> None:
    whole = drawn(hosts)
    parts = [drawn(hosts[[2]]), drawn(hosts[[0, 1]])]
    found = join_in_order(hosts, parts)
    assert len(set(whole.scalars["origin"].tolist())) > 1
    for name in whole.scalars:
        assert found.scalars[name].tolist() == whole.scalars[name].tolist(), name
    np.testing.assert_allclose(found.frac_coords, whole.frac_coords, atol=1e-9)


@given(st.permutations(range(12)))
def test_relaxed_samples_go_back_to_where_they_stood(order: list[int]) -> None:
    count = len(order)
    samples = StructureBatch(
        labels=tuple(f"{i // 3}" for i in range(count)),
        cells=np.stack([np.eye(3)] * count),
        site_counts=np.ones(count, dtype=np.int64),
        numbers=np.arange(1, count + 1),
        frac_coords=np.zeros((count, 3)),
        inserted=np.ones(count, dtype=bool),
        scalars={"host": np.arange(count) // 3, "sample": np.arange(count) % 3},
    )[order]
    places = samples.host_indices
    # The second part failed: it lacks what the first one got.
    first = samples[np.flatnonzero(places < 2)].with_scalars(energy=np.arange(6.0), mine=[1] * 6)
    second = samples[np.flatnonzero(places >= 2)]
    found = join_in_order(samples, [second, first])
    assert found.labels == samples.labels
    assert found.scalars["sample"].tolist() == samples.scalars["sample"].tolist()
    assert np.isnan(found.scalars["energy"]).tolist() == (places >= 2).tolist()
    assert set(found.scalars["mine"][places >= 2].tolist()) == {-1}
