"""The progress of campaigns, with nodes of processes that have not run."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from campaigns import QUICK, controller, ranked, restoration, variants

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")

LOST = "job 12: it ended without a result, killed or out of memory or time"


@pytest.fixture
def plan() -> Any:
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.workflows.restore.build import make_stage_plan

    seed = uuid4().int % 2**31
    return make_stage_plan(
        load_protocol(None, {**QUICK, "sampling": {**QUICK["sampling"], "seed": seed}})
    )


@pytest.fixture
def group() -> Any:
    from aiida_hpaint.campaigns.group import get_or_create_campaign

    return get_or_create_campaign(f"campaign {uuid4()}")


@pytest.fixture
def hosts(brucite: StructureBatch) -> StructureBatch:
    return variants(brucite, ["a", "b", "c", "d", "e"])


def test_each_host_is_counted_once(hosts: StructureBatch, plan: Any, group: Any) -> None:
    from aiida_hpaint.campaigns.group import find_campaign
    from aiida_hpaint.campaigns.state import read_campaign_state

    process = controller(hosts, plan, group)
    for name in (group.label, group.uuid, str(process.pk)):
        found = find_campaign(name)
        assert found is not None
        assert found.uuid == group.uuid
    assert find_campaign("123456789") is None
    statuses = ["converged", "collapsed", "failed"]
    done = restoration(hosts[:3], plan, ranked(hosts[:3], statuses, ["", "", LOST]), "finished")
    running = restoration(hosts[3], plan, None, "waiting")
    group.add_nodes([done, running])
    state = read_campaign_state(group)
    assert (state.restored, state.without, state.failed) == (1, 1, 1)
    assert (state.running, state.waiting, state.total) == (1, 1, 5)
    assert (state.chunks, state.chunks_ended) == (2, 1)
    (failure,) = state.failures
    assert (failure.reason, failure.processes) == (LOST.removeprefix("job 12: "), (done.pk,))

    # A later restoration succeeds.
    again = restoration(hosts[2], plan, ranked(hosts[2], ["converged"]), "finished")
    group.add_nodes(again)
    assert read_campaign_state(group).failed == 0


def test_hosts_of_a_campaign_that_was_killed_were_never_started(
    hosts: StructureBatch, plan: Any, group: Any
) -> None:
    from aiida_hpaint.campaigns.state import read_campaign_state

    controller(hosts, plan, group, "killed")
    state = read_campaign_state(group)
    assert (state.failed, state.alive) == (5, ())
    assert state.failures[0].reason.startswith("it was never started")


def test_the_latest_settings_count(hosts: StructureBatch, plan: Any, group: Any) -> None:
    from aiida.orm import Dict

    from aiida_hpaint.campaigns.results import collect_campaign_samples
    from aiida_hpaint.campaigns.state import read_campaign_state

    first = restoration(hosts, plan, ranked(hosts, ["converged"] * 5), "finished")
    second = restoration(
        hosts[:1],
        {**plan, "finish": Dict({"refine": 0.1})},
        ranked(hosts[:1], ["converged"]),
        "finished",
    )
    group.add_nodes([first, second])
    controller(hosts[:1], plan, group, "finished")
    assert read_campaign_state(group).restored == 5
    other = {**plan, "sample": {**plan["sample"], "settings": _changed(plan)}}
    controller(hosts[:2], other, group)
    assert (read_campaign_state(group).restored, read_campaign_state(group).waiting) == (0, 2)
    assert collect_campaign_samples(group) is None


def _changed(plan: Any) -> Any:
    from aiida.orm import Dict

    return Dict({**plan["sample"]["settings"].get_dict(), "samples": 7})


def test_jobs_are_found_at_any_depth(hosts: StructureBatch, plan: Any) -> None:
    from aiida.common.links import LinkType
    from aiida.orm import CalcJobNode, Computer, WorkChainNode, load_computer

    from aiida_hpaint.campaigns.active_jobs import find_active_jobs

    root = restoration(hosts, plan, None, "waiting")
    computer: Computer = load_computer("localhost")
    caller = root
    for _ in range(4):
        inner = WorkChainNode()
        inner.base.links.add_incoming(caller, LinkType.CALL_WORK, "inner")
        inner.set_process_state("waiting")
        caller = inner.store()
    for status in ("paused", "queued"):
        job = CalcJobNode(computer=computer)
        job.set_process_label("PwCalculation")
        job.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
        job.base.links.add_incoming(caller, LinkType.CALL_CALC, status)
        job.set_process_state("waiting")
        if status == "paused":
            job.pause()
            job.set_process_status("Pausing after 5 failures")
        else:
            job.base.attributes.set("scheduler_state", "queued")
        job.store()
    found = find_active_jobs([root.pk])
    assert [(job.state, job.label) for job in found] == [
        ("paused", "PwCalculation"),
        ("queued", "PwCalculation"),
    ]
    assert found[0].status == "Pausing after 5 failures"
    assert find_active_jobs([found[0].pk]) == [found[0]]
    other = restoration(hosts, plan, None, "waiting")
    assert find_active_jobs([other.pk]) == []
