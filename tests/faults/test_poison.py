"""One poisoned host among many: the others finish, and it is named."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from processes import ended

from aiida_hpaint.science.structures import StructureBatch

TIMEOUT = 600
KILLER = "grep -q poison inputs.pickle && kill -9 $$"


@pytest.fixture
def hundred(brucite: StructureBatch) -> StructureBatch:
    labels = [f"host-{i}" for i in range(100)]
    labels[61] = "poison"
    return replace(brucite[[0] * 100], labels=tuple(labels))


@pytest.fixture
def eight(hundred: StructureBatch) -> StructureBatch:
    """Few enough that halving them takes six jobs; the sixth is poison."""
    return hundred[56:64]


def samples_of(hosts: StructureBatch, row: int) -> StructureBatch:
    """A sample of each host, with helium in one of them."""
    from aiida_hpaint.science.diffusion import generate
    from aiida_hpaint.science.settings import SamplingSettings

    return generate(with_helium(hosts, row), SamplingSettings(generator="random", samples=1))


def with_helium(hosts: StructureBatch, row: int) -> StructureBatch:
    numbers = hosts.numbers.copy()
    sites = np.flatnonzero((hosts.owners == row) & ~hosts.inserted)
    numbers[sites[0]] = 2
    return replace(hosts, numbers=numbers)


def run_stage(stage: str, structures: StructureBatch, fault: str = "", **more: Any) -> Any:
    from aiida.engine import submit
    from stages import stage_inputs

    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    node = submit(StageWorkChain, **stage_inputs(stage, structures, fault, **more))
    return ended(node, TIMEOUT)


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("nan", "not a number", "the potential returned NaN"),
        ("explode", "implausible energy", "an implausibly large force"),
        ("raise", "failed", "ArithmeticError: helium"),
        ("oom", "failed", "MemoryError"),
        ("cuda-oom", "failed", "CUDA out of memory"),
    ],
)
def test_a_host_that_the_potential_cannot_bear_is_alone_in_that(
    hundred: StructureBatch, fault: str, status: str, reason: str
) -> None:
    from harmonic import HarmonicPotential

    from aiida_hpaint.science.relaxation.relax import relax
    from aiida_hpaint.science.settings import RelaxationSettings

    potential = HarmonicPotential(fault)
    settings = RelaxationSettings(moving="inserted", max_steps=3)
    found = relax(samples_of(hundred, 61), settings, potential)
    statuses = found.scalars["status"].tolist()
    assert statuses[61] == status
    assert reason in found.metadata[61]["error"]
    assert set(statuses[:61] + statuses[62:]) <= {"converged", "not converged"}
    if "oom" in fault:
        # Half the structures at a time, down to one.
        calls = potential.calls
        assert calls[0] > 1
        assert all(b <= a for a, b in itertools.pairwise(calls[:5]))
        assert calls.count(1) == 100


def test_a_host_without_volume_or_with_a_position_that_is_no_number(
    hundred: StructureBatch,
) -> None:
    from harmonic import HarmonicPotential

    from aiida_hpaint.science.relaxation.relax import relax
    from aiida_hpaint.science.settings import RelaxationSettings

    samples = samples_of(hundred, 61)
    coords, cells = samples.frac_coords.copy(), samples.cells.copy()
    coords[samples.offsets[7]] = np.nan
    cells[30, 2] = cells[30, 1]
    samples = replace(samples, frac_coords=coords, cells=cells)
    settings = RelaxationSettings(moving="inserted", max_steps=3)
    statuses = relax(samples, settings, HarmonicPotential("none")).scalars["status"].tolist()
    assert (statuses[7], statuses[30]) == ("not a number", "failed")
    assert {status for i, status in enumerate(statuses) if i not in (7, 30)} <= {
        "converged",
        "not converged",
    }


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_memory_that_the_kernel_takes_back_costs_one_host(hundred: StructureBatch) -> None:
    samples = samples_of(hundred[:3], 0)
    node = run_stage("relax_inserted", samples, "kill")
    report = node.outputs.report.get_dict()
    assert report["status"] == "failed in part"
    # Two of the whole chunk, one of the culprit, and one of the others.
    assert (report["jobs"], report["failures"]) == (2 + 2, 2 + 1)
    batch = node.outputs.structures.batch
    statuses = batch.scalars["status"].tolist()
    assert batch.labels == samples.labels
    assert statuses[0] == "failed"
    assert set(statuses[1:]) <= {"converged", "not converged"}


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_where_no_host_is_to_blame_the_search_ends_soon(eight: StructureBatch) -> None:
    node = run_stage("sample", eight, prepend_text="kill -9 $$")
    report = node.outputs.report.get_dict()
    assert report["status"] == "failed"
    assert (report["jobs"], report["failures"]) == (2 + 2 + 4, 2 + 2 + 4)
    assert report["message"].startswith("8 of 8 hosts failed: ")
    assert set(node.outputs.structures.batch.scalars["status"].tolist()) == {"failed"}


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_a_host_that_kills_its_job_is_found_and_the_others_are_drawn(
    eight: StructureBatch,
) -> None:
    node = run_stage("sample", eight, prepend_text=KILLER)
    report = node.outputs.report.get_dict()
    assert report["status"] == "failed in part"
    assert report["message"].startswith("1 of 8 hosts failed: ")
    # Two of the whole chunk, and three times a half with the culprit and one without.
    assert (report["jobs"], report["failures"]) == (2 + 6, 2 + 3)
    batch = node.outputs.structures.batch
    assert batch.labels == eight.labels
    failed = batch.scalars["status"] == "failed"
    assert np.flatnonzero(failed).tolist() == [5]
    assert "without a result" in batch.metadata[5]["error"]
    assert batch.placed.tolist() == (~failed).tolist()
