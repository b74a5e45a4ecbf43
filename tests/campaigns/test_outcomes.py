from __future__ import annotations

import pytest
from campaigns import ranked, variants

from aiida_hpaint.science.structures import StructureBatch

LOST = "job 12: it ended without a result, killed or out of memory or time"


@pytest.fixture
def hosts(brucite: StructureBatch) -> StructureBatch:
    return variants(brucite, ["a", "b", "c", "d"])


def test_a_host_without_a_candidate_is_not_one_whose_job_died(hosts: StructureBatch) -> None:
    from aiida_hpaint.workflows.restore.outcomes import find_outcomes

    statuses = ["converged", "collapsed", "failed", "failed"]
    found = find_outcomes(4, ranked(hosts, statuses, ["", "", "a sample of its own", LOST]))
    # A sample that failed in a job that continued is not a failed job.
    assert found.states == "rwwf"
    assert found.reasons == {3: LOST.removeprefix("job 12: ")}


def test_a_dead_job_counts_even_if_it_left_candidates(hosts: StructureBatch) -> None:
    from aiida_hpaint.workflows.restore.outcomes import find_outcomes

    found = find_outcomes(4, ranked(hosts, ["converged"] * 4, ["", LOST, "", ""]))
    assert found.states == "rfrr"


def test_unfinished_hosts_and_hosts_that_are_missing_have_failed(hosts: StructureBatch) -> None:
    from aiida_hpaint.workflows.restore.outcomes import find_outcomes

    samples = ranked(hosts, ["converged", "unfinished", "converged", "too close"])
    found = find_outcomes(5, samples)
    assert found.states == "rfrwf"
    assert "walltime" in found.reasons[1]
    assert found.reasons[4] == "it has no samples"


def test_without_samples_all_have_failed() -> None:
    from aiida_hpaint.workflows.restore.outcomes import find_outcomes

    found = find_outcomes(2, None, "its process was killed")
    assert (found.states, set(found.reasons.values())) == ("ff", {"its process was killed"})
