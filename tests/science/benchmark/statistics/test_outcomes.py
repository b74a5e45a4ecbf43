from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aiida_hpaint.science.benchmark.statistics.outcomes import describe_host
from aiida_hpaint.science.structures import read_hosts
from aiida_hpaint.science.structures.fixed_host import FIXED_HOST, HELD, record_fixed_host

BRUCITE = Path(__file__).parents[4] / "examples" / "references" / "brucite.cif"


@pytest.mark.parametrize(("is_held", "above"), [(True, -0.1), (False, 1.0)])
def test_answers_in_held_hosts_are_compared_with_the_reference_in_its_host(
    is_held: bool, above: float
) -> None:
    crystal = read_hosts(BRUCITE)
    crystal = replace(crystal, inserted=crystal.numbers == 1).with_scalars(
        host=[0], sample=[0], status=["converged"], energy=[-9.5], max_force=[0.01]
    )
    in_host = record_fixed_host(crystal)
    assert in_host.metadata[0][FIXED_HOST]["energy"] == -9.5
    target = in_host.with_scalars(energy=[-15.0], energy_sampled=[-9.0])
    sample = crystal.with_scalars(rank=[0], energy=[-10.0], energy_sampled=[-8.0], passes=[True])
    if is_held:
        sample = replace(sample, metadata=({**sample.metadata[0], HELD: {"reasons": ["moved"]}},))
    costs = {"seconds_sampling": 0.0, "seconds_relaxing": 0.0, "network_calls": 0, "evaluations": 1}
    row = describe_host(0, crystal, sample, sample, target, **costs)
    assert row.reference_energy == -15.0
    assert row.reference_group == 164
    assert row.lowest is not None
    assert row.lowest.energy_difference == pytest.approx(above)
