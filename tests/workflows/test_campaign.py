"""Campaigns through a real daemon: the window of jobs, dead workers, dead chunks, and going on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from campaigns import QUICK, cheap_options, variants
from click.testing import CliRunner
from processes import finished, until

from aiida_hpaint.cli import main
from aiida_hpaint.science.structures import StructureBatch, save_npz

TIMEOUT = 1200
KILLER = "grep -q poison inputs.pickle && kill -9 $$"


@pytest.fixture
def name() -> str:
    return f"campaign {uuid4()}"


@pytest.fixture
def seed() -> int:
    """Settings that no other test has: restorations stay in the profile."""
    return uuid4().int % 2**31


def write(
    folder: Path, hosts: StructureBatch, name: str, seed: int, options: Any, **more: Any
) -> str:
    """A campaign.yaml with its hosts; YAML reads JSON."""
    save_npz(hosts, folder / "hosts.npz")
    values = {
        "campaign": name,
        "hosts": ["hosts.npz"],
        "settings": {**QUICK, "sampling": {**QUICK["sampling"], "seed": seed}},
        "options": options,
        "chunk_sites": 1,
        "max_jobs": 2,
        **more,
    }
    path = folder / "campaign.yaml"
    path.write_text(json.dumps(values), "utf-8")
    return str(path)


def run(*words: str) -> str:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.output


def controllers(name: str) -> list[Any]:
    from aiida.orm import load_node

    from aiida_hpaint.campaigns.deduplication import find_controllers_with_hosts
    from aiida_hpaint.campaigns.group import find_campaign

    group = find_campaign(name)
    assert group is not None
    return [load_node(one.pk) for one in find_controllers_with_hosts(group.uuid)]


def chunks_of(node: Any) -> list[Any]:
    from aiida.common.links import LinkType

    links = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    return [link.node for link in sorted(links, key=lambda link: link.link_label)]


def at_once(processes: list[Any]) -> int:
    """The largest number of processes that were alive at the same time."""
    times = [(node.ctime, 1) for node in processes] + [(node.mtime, -1) for node in processes]
    alive = most = 0
    for _, step in sorted(times):
        alive += step
        most = max(most, alive)
    return most


def kill_worker(daemon: Any) -> None:
    for worker in daemon.get_worker_info()["info"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(worker), signal.SIGKILL)


@pytest.mark.slow
def test_a_campaign_survives_its_worker_and_goes_on_without_repeating(
    brucite: StructureBatch, daemon: Any, name: str, seed: int, tmp_path: Path
) -> None:
    hosts = variants(brucite, ["a", "b", "c"])
    path = write(tmp_path, hosts[:2], name, seed, cheap_options())
    told = run("submit", path, "--dry-run")
    assert "To restore: 2 hosts in 2 chunks of at most 1 sites, 2 at once" in told
    assert "Nothing was submitted." in told

    run("submit", path)
    (first,) = controllers(name)
    until(lambda: len(chunks_of(first)) == 2, "two chunks", TIMEOUT)
    kill_worker(daemon)
    # While it runs, one host more: the others are known.
    path = write(tmp_path, hosts, name, seed, cheap_options())
    told = run("submit", path)
    assert "To restore: 1 host in 1 chunk" in told
    _, second = controllers(name)
    until(lambda: chunks_of(first), "chunks", TIMEOUT)
    assert "running (node" in run("status", name)

    finished(first, TIMEOUT)
    finished(second, TIMEOUT)
    chunks = [*chunks_of(first), *chunks_of(second)]
    alive = [chunk for chunk in chunks if chunk.is_finished_ok]
    assert [len(chunk.inputs.graph_inputs.hosts) for chunk in alive] == [1] * 3
    assert at_once(alive) == 2
    assert all("structures" not in chunk.outputs for chunk in alive)
    assert first.outputs.summary["n_restored"] == 2

    shown = run("status", name)
    assert "3: 3 restored, 0 without a candidate, 0 running, 0 waiting, 0 failed" in shown
    assert name in run("status")
    assert "known, restored" in run("submit", path, "--dry-run")
    assert "There is nothing to do." in run("submit", path)
    assert len(controllers(name)) == 2
    run("results", name, "--output", str(tmp_path / "found"))
    found = sorted(os.listdir(tmp_path / "found"))
    cifs = [f"{label}{version}.cif" for label in "abc" for version in ("", "_relaxed")]
    tables = ["candidates.extxyz", "samples.csv"]
    assert found == sorted([*cifs, *tables, "report.html", "reports"])
    check_provenance(name, tmp_path)


def check_provenance(name: str, folder: Path) -> None:
    """Structures on request, their stories, samples, and what is published."""
    picked = run("pick", name, "c")
    pk = picked.split()[0]
    assert "H2MgO2  c" in picked
    story = run("provenance", pk)
    assert "c" in story
    assert "random" in story
    # The process that its row in the report names leads to the same structure.
    hosts = json.loads(run("results", name, "--json", "--output", str(folder / "json")))["hosts"]
    [process] = [host["process"]["pk"] for host in hosts if host["label"] == "c"]
    assert run("provenance", str(process)) == story
    from aiida_hpaint.queries import find_samples

    assert [sample.status for sample in find_samples("c")][-1:] != ["failed"]
    run("export", name, "--output", str(folder / "published"))
    tables = list((folder / "published").glob("*/samples.csv"))
    assert len(tables) == 3


@pytest.mark.long  # `faults/test_restoration.py` loses a host, `test_submission.py` repeats it
@pytest.mark.usefixtures("daemon")
def test_a_chunk_that_fails_does_not_stop_the_others_and_is_repeated_alone(
    brucite: StructureBatch, name: str, seed: int, tmp_path: Path
) -> None:
    hosts = variants(brucite, ["poison", "good"])
    # In the sampling alone: no relaxation ever sees the host.
    deadly = {**cheap_options(), "sample": cheap_options(prepend_text=KILLER)["sample"]}
    path = write(tmp_path, hosts, name, seed, deadly)
    run("submit", path)
    (first,) = controllers(name)
    finished(first, TIMEOUT)
    summary = first.outputs.summary.get_dict()
    assert (summary["n_restored"], summary["n_failed"]) == (1, 1)
    assert list(summary["failed"].values()) == [["poison"]]
    shown = run("status", name)
    assert "failed   1 host: it ended without a result" in shown
    assert "ask for more memory or walltime" in shown

    # Options of jobs are no settings of the result: the other host is known.
    path = write(tmp_path, hosts, name, seed, cheap_options())
    assert "To restore: 1 host" in run("submit", path)
    _, second = controllers(name)
    finished(second, TIMEOUT)
    assert [chunk.inputs.graph_inputs.hosts.batch.labels for chunk in chunks_of(second)] == [
        ("poison",)
    ]
    assert "2: 2 restored" in run("status", name)


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_sources_of_a_campaign_are_linked_and_marked(name: str, seed: int, tmp_path: Path) -> None:
    from aiida.orm import CifData, Group, QueryBuilder, StructureData, load_node

    path = Path(__file__).parents[2] / "examples" / "hosts" / "brucite.cif"
    cif = CifData(file=path, filename="brucite.cif").store()
    group = f"sources of {name}"
    Group(label=group).store().add_nodes(cif)
    output = tmp_path / "found.yaml"
    run("find", f"group:{group}", "--output", str(output), "--processes", "1")
    values = yaml.safe_load(output.read_text("utf-8"))
    settings = {**QUICK, "sampling": {**QUICK["sampling"], "seed": seed}}
    values |= {"campaign": name, "settings": settings, "options": cheap_options(), "max_jobs": 1}
    output.write_text(json.dumps(values), "utf-8")

    run("submit", str(output))
    (first,) = controllers(name)
    finished(first, TIMEOUT)
    mark = cif.base.extras.get("hpaint")
    assert (mark["status"], mark["missing"], mark["host"]) == ("restored", {"H": 2}, 0)
    picked = load_node(run("pick", name).split()[0])
    query = QueryBuilder().append(CifData, tag="cif", project="uuid")
    query.append(StructureData, with_ancestors="cif", filters={"uuid": picked.uuid})
    assert set(query.all(flat=True)) == {cif.uuid}
    assert cif.base.extras.get("hpaint")["structure"] == picked.uuid
    assert "Removed the marks of 1 node." in run("mark", name, "--remove")
    assert "hpaint" not in cif.base.extras.all
    assert "Marked 1 node." in run("mark", name)
    assert cif.base.extras.get("hpaint")["status"] == "restored"
    # The only process of a campaign has its name as the label.
    run("export", name, "--output", str(tmp_path / "published"))
    assert len(list((tmp_path / "published").glob("*/samples.csv"))) == 1
