"""Outcomes of restorations on the nodes that their hosts come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from campaigns import QUICK, ranked, restoration, variants

from aiida_hpaint.science.structures import StructureBatch, remove_inserted
from aiida_hpaint.science.structures.conversion import to_ase

pytestmark = pytest.mark.usefixtures("profile")

LOST = "job 12: it ended without a result, killed or out of memory or time"


@pytest.fixture
def plan() -> Any:
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.workflows.restore.build import make_stage_plan

    seed = uuid4().int % 2**31
    settings = load_protocol(None, {**QUICK, "sampling": {**QUICK["sampling"], "seed": seed}})
    return make_stage_plan(settings)


@pytest.fixture
def sources(brucite: StructureBatch) -> list[Any]:
    from aiida.orm import StructureData

    bare = remove_inserted(variants(brucite, ["a", "b", "c"]))
    return [StructureData(ase=atoms).store() for atoms in to_ase(bare)]


@pytest.fixture
def hosts(brucite: StructureBatch, sources: list[Any]) -> StructureBatch:
    """Hosts of three nodes, of which the last gave two, and of a file."""
    given = variants(brucite, ["a", "b", "c-1", "c-2", "file"])
    uuids = [sources[0].uuid, sources[1].uuid, sources[2].uuid, sources[2].uuid, None]
    entries = ({"uuid": uuid} if uuid else {} for uuid in uuids)
    return replace(given, metadata=tuple(entries))


def read_mark(node: Any) -> dict[str, Any]:
    found: dict[str, Any] = node.base.extras.get("hpaint", {})
    return found


def test_each_source_has_the_outcome_of_its_hosts(
    hosts: StructureBatch, sources: list[Any], plan: Any
) -> None:
    from aiida_hpaint.workflows.restore.marks import mark_sources

    statuses = ["converged", "failed", "collapsed", "converged", "converged"]
    node = restoration(hosts, plan, ranked(hosts, statuses, ["", LOST, "", "", ""]), "finished")
    before = [source.base.caching.compute_hash() for source in sources]
    assert mark_sources(node) == 3
    assert [source.base.caching.compute_hash() for source in sources] == before
    assert read_mark(sources[0]) == {
        "status": "restored",
        "missing": {"H": 2},
        "candidates": 1,
        "hosts": 1,
        "restored": 1,
        "restoration": node.uuid,
        "host": 0,
    }
    assert read_mark(sources[1])["status"] == "failed"
    assert read_mark(sources[1])["reason"] == LOST.removeprefix("job 12: ")
    third = read_mark(sources[2])
    assert (third["status"], third["hosts"], third["restored"]) == ("restored", 2, 1)
    assert third["host"] == 3


def test_a_failure_does_not_replace_a_candidate(
    hosts: StructureBatch, sources: list[Any], plan: Any
) -> None:
    from aiida_hpaint.workflows.restore.marks import mark_sources

    statuses = ["converged", "collapsed", "converged", "converged", "converged"]
    first = restoration(hosts, plan, ranked(hosts, statuses), "finished")
    mark_sources(first)
    second = restoration(hosts, plan, None, "killed")
    assert mark_sources(second) == 1
    assert read_mark(sources[0])["restoration"] == first.uuid
    assert read_mark(sources[1])["restoration"] == second.uuid
    assert read_mark(sources[1])["status"] == "failed"


def test_marks_name_picked_structures_and_are_removed(
    hosts: StructureBatch, sources: list[Any], plan: Any
) -> None:
    from aiida_hpaint.campaigns.results import pick_candidates
    from aiida_hpaint.workflows.restore.marks import mark_sources, remove_marks

    node = restoration(hosts, plan, ranked(hosts, ["converged"] * 5), "finished")
    pick_candidates(node, ["b"])
    mark_sources(node)
    assert "structure" not in read_mark(sources[0])
    [picked] = pick_candidates(node, ["a"])
    assert read_mark(sources[0])["structure"] == picked.uuid
    sources[1].base.extras.set("hpaint", {"restoration": "of somebody else"})
    assert remove_marks(node) == 2
    assert [read_mark(source) for source in sources] == [
        {},
        {"restoration": "of somebody else"},
        {},
    ]
