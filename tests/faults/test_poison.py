"""One poisoned host among a hundred: the others finish, and it is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from processes import finished

from aiida_hpaint.structures import StructureBatch

TIMEOUT = 600
KILLER = "grep -q poison inputs.pickle && kill -9 $$"


@pytest.fixture
def hundred(brucite: StructureBatch) -> StructureBatch:
    labels = [f"host-{i}" for i in range(100)]
    labels[61] = "poison"
    return replace(brucite[[0] * 100], labels=tuple(labels))


def poisoned(hosts: StructureBatch, row: int) -> StructureBatch:
    """The same with helium in one of them."""
    numbers = hosts.numbers.copy()
    sites = np.flatnonzero((hosts.owners == row) & ~hosts.inserted)
    numbers[sites[0]] = 2
    return replace(hosts, numbers=numbers)


def run_stage(stage: str, structures: StructureBatch, fault: str = "", **more: Any) -> Any:
    from aiida.engine import submit
    from stages import stage_inputs

    from aiida_hpaint.workflows.stage import StageWorkChain

    node = submit(StageWorkChain, **stage_inputs(stage, structures, fault, **more))
    return finished(node, TIMEOUT)


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_a_host_that_kills_its_job_is_found_and_the_others_are_drawn(
    hundred: StructureBatch,
) -> None:
    node = run_stage("sample", hundred, prepend_text=KILLER)
    report = node.outputs.report.get_dict()
    assert report["status"] == "failed in part"
    assert report["message"].startswith("1 of 100 hosts failed: ")
    # Two of the whole chunk, and seven times a half with the culprit and one without.
    assert (report["jobs"], report["failures"]) == (2 + 14, 2 + 7)
    batch = node.outputs.structures.batch
    assert batch.labels == hundred.labels
    failed = batch.scalars["fate"] == "failed"
    assert np.flatnonzero(failed).tolist() == [61]
    assert "without a result" in batch.metadata[61]["error"]
    assert batch.placed.tolist() == (~failed).tolist()
