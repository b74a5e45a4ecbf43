"""Submissions of campaigns with nodes of restorations that have not run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from campaigns import QUICK, controller, ranked, restoration, variants

from aiida_hpaint.science.structures import StructureBatch, remove_inserted
from aiida_hpaint.science.structures.conversion import to_ase

pytestmark = pytest.mark.usefixtures("profile")

LOST = "job 12: it ended without a result, killed or out of memory or time"


@pytest.fixture
def seed() -> int:
    """Return a seed that no other test has: restorations stay in the profile."""
    return uuid4().int % 2**31


@pytest.fixture
def settings(seed: int) -> Any:
    from aiida_hpaint.science.protocols import load_protocol

    return load_protocol(None, {**QUICK, "sampling": {**QUICK["sampling"], "seed": seed}})


@pytest.fixture
def plan(settings: Any) -> Any:
    from aiida_hpaint.workflows.restore.build import make_stage_plan

    return make_stage_plan(settings)


@pytest.fixture
def hosts(brucite: StructureBatch) -> StructureBatch:
    return variants(brucite, ["a", "b", "c", "d", "e"])


@pytest.fixture
def name() -> Iterator[str]:
    return iter([f"campaign {uuid4()}"]).__next__()


def sources_of(hosts: StructureBatch) -> Any:
    from aiida_hpaint.campaigns.sources import CampaignHosts, HostOrigin

    return CampaignHosts(hosts, tuple(HostOrigin(None, row) for row in range(len(hosts))))


def prepare(name: str, hosts: StructureBatch, settings: Any, **more: Any) -> Any:
    from aiida_hpaint.campaigns.submit import prepare_submission

    return prepare_submission(name, sources_of(hosts), settings, **more)


def test_hosts_are_recognised_by_content_in_any_restoration(
    name: str, hosts: StructureBatch, settings: Any, plan: Any
) -> None:
    statuses = ["converged", "collapsed", "failed"]
    samples = ranked(hosts[:3], statuses, ["", "", LOST])
    done = restoration(hosts[:3], plan, samples, "finished")
    running = restoration(hosts[3], plan, None, "running")
    renamed = replace(hosts, labels=("v", "w", "x", "y", "z"))

    chosen = {
        "none": [4],
        "failed": [2, 4],
        "unrestored": [1, 2, 4],
        "all": [0, 1, 2, 4],
    }
    for again, rows in chosen.items():
        assert list(prepare(name, renamed, settings, again=again).rows) == rows
    submission = prepare(name, renamed, settings)
    counts = {"new": 1, "again": 1, "r": 1, "w": 1, "f": 0, "running": 1, "waiting": 0}
    assert submission.count_hosts() == counts
    assert [submission.known[key].process for key in submission.keys[:4]] == [done.pk] * 3 + [
        running.pk
    ]


def test_other_settings_make_all_hosts_new(
    name: str, hosts: StructureBatch, settings: Any, plan: Any
) -> None:
    restoration(hosts, plan, ranked(hosts, ["converged"] * 5), "finished")
    assert prepare(name, hosts, settings).rows == []
    other = settings.model_copy(update={"keep": 7})
    assert len(prepare(name, hosts, other).rows) == 5


def test_a_killed_restoration_is_repeated(
    name: str, hosts: StructureBatch, settings: Any, plan: Any
) -> None:
    restoration(hosts, plan, None, "killed")
    assert len(prepare(name, hosts, settings).rows) == 5


def test_a_host_that_is_given_twice_is_restored_once(
    name: str, hosts: StructureBatch, settings: Any
) -> None:
    twice = replace(hosts[[0, 1, 0, 1, 2]], labels=("a", "b", "a again", "b again", "c"))
    submission = prepare(name, twice, settings)
    assert list(submission.rows) == [0, 1, 4]
    assert submission.same == {2: 0, 3: 1}
    assert submission.count_hosts()["new"] == 3


def test_chunks_are_counted_before_they_are_cut(
    name: str, hosts: StructureBatch, settings: Any
) -> None:
    assert prepare(name, hosts, settings, chunk_sites=10).count_chunks() == 3
    assert prepare(name, hosts, settings, chunk_sites=1).count_chunks() == 5


def test_what_is_refused(name: str, hosts: StructureBatch, settings: Any) -> None:
    from aiida_hpaint.science.settings import ValidationSettings

    with pytest.raises(ValueError, match=r"max_jobs 9999: the daemon has room for \d+ chunks"):
        prepare(name, hosts, settings, max_jobs=9999)
    validated = settings.model_copy(update={"validation": ValidationSettings()})
    with pytest.raises(ValueError, match="run `aiida-hpaint validate PK`"):
        prepare(name, hosts, validated)
    with pytest.raises(ValueError, match="there is no site to insert"):
        prepare(name, remove_inserted(hosts), settings)


def test_known_hosts_belong_to_the_campaign(
    name: str, hosts: StructureBatch, settings: Any, plan: Any
) -> None:
    from aiida_hpaint.campaigns.results import collect_campaign_samples, pick_candidates
    from aiida_hpaint.campaigns.state import read_campaign_state
    from aiida_hpaint.campaigns.submit import submit_campaign
    from aiida_hpaint.workflows.restore.marks import NO_MARKS

    statuses = ["converged", "collapsed", "converged", "converged", "converged"]
    node = restoration(hosts, plan, ranked(hosts, statuses), "finished")
    submission = prepare(name, hosts[:3], settings)
    group, process = submit_campaign(submission, mark=False)
    assert process is None
    assert group.base.extras.get(NO_MARKS)
    group, _ = submit_campaign(submission)
    assert not group.base.extras.get(NO_MARKS)
    state = read_campaign_state(group)
    assert (state.restored, state.without, state.total) == (2, 1, 3)
    found = collect_campaign_samples(group)
    assert found is not None
    for batch in (found.samples, found.hosts):
        assert batch.labels == ("a", "b", "c")
        assert batch.scalars["host"].tolist() == [0, 1, 2]

    (first,) = pick_candidates(node, ["a"])
    assert first.get_formula() == "H2MgO2"
    assert first.base.attributes.get("hpaint")["label"] == "a"
    assert pick_candidates(node, ["a"])[0].uuid == first.uuid
    assert pick_candidates(node, ["b"]) == []
    assert len(pick_candidates(node)) == 4


def test_hosts_of_one_label_are_picked_by_the_names_of_the_results(
    name: str, hosts: StructureBatch, settings: Any, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida.orm import load_node
    from click.testing import CliRunner

    from aiida_hpaint.campaigns import results
    from aiida_hpaint.campaigns.submit import submit_campaign
    from aiida_hpaint.cli import main

    nodes = []
    for row in range(2):
        one = replace(hosts[row], labels=("brucite",))
        nodes.append(restoration(one, plan, ranked(one, ["converged"]), "finished"))
        group, _ = submit_campaign(prepare(name, one, settings))
    read = []
    get_hosts = results.get_hosts
    monkeypatch.setattr(results, "get_hosts", lambda node: read.append(node.pk) or get_hosts(node))
    found = results.collect_campaign_samples(group)
    assert found is not None
    assert sorted(read) == [node.pk for node in nodes]  # each once
    assert found.samples.labels == ("brucite", "brucite-2")
    assert [found.processes[host].host for host in (0, 1)] == ["brucite", "brucite"]
    result = CliRunner().invoke(main, ["pick", name, "brucite-2"])
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[2] == "brucite-2"
    picked = load_node(int(result.stdout.split()[0]))
    assert picked.creator.inputs.samples.uuid == nodes[1].outputs.samples.uuid
    everything = CliRunner().invoke(main, ["pick", name])
    assert [line.split()[2] for line in everything.stdout.splitlines()] == ["brucite", "brucite-2"]


def test_chunks_not_yet_in_the_group_are_not_other_restorations(
    name: str, hosts: StructureBatch, settings: Any, plan: Any
) -> None:
    from aiida_hpaint.campaigns.group import get_or_create_campaign
    from aiida_hpaint.campaigns.submit import submit_campaign

    group = get_or_create_campaign(name)
    caller = controller(hosts, plan, group)
    chunk = restoration(hosts[:2], plan, None, "created", caller)
    submission = prepare(name, hosts, settings)
    assert [submission.known[key].state for key in submission.keys] == ["running"] * 2 + [
        "waiting"
    ] * 3
    assert submission.known[submission.keys[0]].process == chunk.pk
    assert submit_campaign(submission)[1] is None
    assert group.other_restorations == {}


def test_a_name_that_another_group_has(name: str) -> None:
    from aiida.orm import Group

    from aiida_hpaint.campaigns.group import find_campaign, get_or_create_campaign

    Group(label=name).store()
    with pytest.raises(ValueError, match="is not a campaign: choose another name"):
        get_or_create_campaign(name)
    assert find_campaign(name) is None


@pytest.fixture
def structures(hosts: StructureBatch) -> list[Any]:
    """Store hosts without their hydrogen as nodes of three kinds."""
    from io import BytesIO

    from aiida.orm import CifData, StructureData
    from pymatgen.io.cif import CifWriter

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.science.structures.conversion import to_pymatgen

    bare = remove_inserted(hosts)
    first = StructureData(ase=to_ase(bare[0])[0])
    first.label = "first"
    # Without the formula of the host alone, which would contradict the sites to insert.
    lines = str(CifWriter(to_pymatgen(bare[1])[0])).splitlines()
    text = "\n".join(line for line in lines if not line.startswith("_chemical_formula"))
    second = CifData(file=BytesIO(text.encode()), filename="second.cif")
    return [first.store(), second.store(), StructureBatchData(hosts[2:]).store()]


def test_hosts_from_a_group_of_all_kinds(structures: list[Any], name: str) -> None:
    from aiida.orm import Group

    from aiida_hpaint.calculations.hosts import gather_hosts
    from aiida_hpaint.campaigns import hash_hosts
    from aiida_hpaint.campaigns.sources import read_hosts_from_group

    Group(label=name).store().add_nodes(structures)
    found = read_hosts_from_group(name, "H:2")
    assert found.hosts is not None
    assert found.hosts.labels == ("first", "second", "c", "d", "e")
    assert [origin.row for origin in found.origins] == [0, 0, 0, 1, 2]

    from aiida.orm import Dict

    named = {f"source_{i}": node for i, node in enumerate(structures)}
    rows = Dict({"source_2": [0, 2]})
    batch = gather_hosts(add=Dict({"insert": "H:2"}), rows=rows, **named).batch
    keys = hash_hosts(found.hosts)
    assert hash_hosts(batch) == [keys[0], keys[1], keys[2], keys[4]]
    with pytest.raises(ValueError, match="there is no group 'none of that name'"):
        read_hosts_from_group("none of that name", None)


def test_hosts_from_an_archive_are_read_without_an_import(
    structures: list[Any], tmp_path: Path, name: str
) -> None:
    from aiida.orm import Group
    from aiida.tools.archive import create_archive

    from aiida_hpaint.campaigns.sources import read_hosts_from_archive, read_hosts_from_group

    group = Group(label=name).store()
    group.add_nodes(structures)
    archive = tmp_path / "hosts.aiida"
    create_archive([group], filename=archive)
    for found in (
        read_hosts_from_archive(archive, "H:2"),
        read_hosts_from_archive(archive, "H:2", name),
    ):
        ours = read_hosts_from_group(name, "H:2")
        assert found.hosts is not None
        assert ours.hosts is not None
        assert found.origins == ours.origins
        assert found.hosts.equals(ours.hosts)
    with pytest.raises(ValueError, match="cannot be read"):
        read_hosts_from_archive(Path(__file__), None)
    with pytest.raises(ValueError, match="there is no group 'another': in this archive"):
        read_hosts_from_archive(archive, None, "another")


def test_an_archive_is_imported_when_its_hosts_are_restored(
    structures: list[Any],
    settings: Any,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from aiida.orm import load_node
    from aiida.tools import delete_nodes
    from aiida.tools.archive import create_archive

    from aiida_hpaint.campaigns import submit
    from aiida_hpaint.campaigns.sources import read_hosts_from_archive

    archive = tmp_path / "hosts.aiida"
    create_archive(structures, filename=archive)
    uuids = [node.uuid for node in structures]
    delete_nodes([node.pk for node in structures], dry_run=False)
    given: dict[str, Any] = {}
    monkeypatch.setattr(submit, "submit_process", lambda _, **inputs: given.update(inputs))
    sources = read_hosts_from_archive(archive, "H:2")
    submission = submit.prepare_submission(name, sources, settings)
    submit.submit_campaign(submission, archive, "H:2")
    hosts = given["hosts"]
    assert hosts.batch.labels == ("first", "second", "c", "d", "e")
    assert {link.node.uuid for link in hosts.creator.base.links.get_incoming().all()} >= set(uuids)
    assert load_node(uuids[0]).label == "first"
