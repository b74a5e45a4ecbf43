"""What goes wrong between here and the jobs: each fault costs one host at most, and is named."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from cluster import Cluster
from faulty import HOST, LASTING, TRANSIENT, submit
from processes import ended, finished, until

pytestmark = pytest.mark.hpc

TIMEOUT = 900
WAIT = """
echo run >> runs.txt
if grep -q relax_all inputs.pickle; then stage=relax_all; else stage=relax_inserted; fi
until [ -e "MARKS/go-$stage" ]; do sleep 0.5; done
"""
"""What relaxations do before they begin: wait for a sign of the tests."""


def reports_by_label(node: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """What became of each stage of each host."""
    found = {}
    for key in node.outputs.reports:
        stages = node.outputs.reports[key]
        (label,) = node.inputs.graph_inputs.chunks[key].batch.labels
        found[label] = {stage: stages[stage].get_dict() for stage in stages}
    return found


def test_a_host_with_a_fault_is_all_that_a_fault_costs(faulty: dict[str, Any]) -> None:
    node = finished(faulty["hosts"], TIMEOUT, 410)
    reports = reports_by_label(node)
    restored = {"unharmed", *(f"fault-{name}" for name in TRANSIENT)}
    assert set(node.outputs.summary["without_candidate"]) == reports.keys() - restored
    assert node.outputs.summary["n_restored"] == len(restored)
    assert {structure.label for structure in node.outputs.structures.values()} == restored
    for label in restored:
        assert [reports[label][stage]["status"] for stage in reports[label]] == ["finished"] * 3
    tries = {label: reports[label]["sample"]["jobs"] for label in restored}
    assert tries == {"unharmed": 1, **{f"fault-{name}": 2 for name in TRANSIENT}}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cancelled", ("CANCELLED",)),
        ("greedy", ("exceeded memory limit", "Exceeded job memory limit")),
        ("truncated", ("truncated", "Ran out of input")),
        ("late", ("DUE TO TIME LIMIT",)),
        ("narrow", ("MemoryError", "allocate", "failed to map", "memory")),
        ("full", ("No space left on device",)),
    ],
)
def test_each_fault_is_named(name: str, words: tuple[str, ...], faulty: dict[str, Any]) -> None:
    node = finished(faulty["hosts"], TIMEOUT, 410)
    report = reports_by_label(node)[f"fault-{name}"]["sample"]
    assert any(word in report["message"] for word in words), report
    if name in LASTING:
        shown = CliRunner().invoke(cli(), ["status", str(node.pk)]).output
        assert any(word in shown for word in words), shown


def test_jobs_stop_before_their_walltime_and_go_on(faulty: dict[str, Any]) -> None:
    node = finished(faulty["endless"], TIMEOUT, 422)
    report = node.outputs.report.get_dict()
    assert (report["status"], report["jobs"], report["failures"]) == ("unfinished", 2, 0)
    steps = [int(np.sum(job.outputs.structures.batch.scalars["steps"])) for job in node.called]
    assert 0 < steps[0] < steps[1]


@pytest.fixture(scope="module")
def waiting(faulty: dict[str, Any], cluster: Cluster, code: Any) -> Any:
    """A restoration of two hosts whose relaxations wait for signs, with no other beside it."""
    for node in faulty.values():
        ended(node, TIMEOUT)
    options = {
        "sample": {"prepend_text": "echo run >> runs.txt"},
        "relax": {"prepend_text": WAIT.replace("MARKS", str(cluster.marks))},
    }
    return submit(replace(HOST[[0, 0]], labels=("one", "two")), code, options)


def test_jobs_outlive_a_computer_that_cannot_be_reached(waiting: Any, cluster: Cluster) -> None:
    from aiida_hpaint.workflows.restore.progress import find_paused_jobs

    until(running(waiting, "relax_inserted"), "relaxations in Slurm", TIMEOUT, 0.5)
    cluster.down("sshd")
    try:
        until(lambda: len(find_paused_jobs(waiting)) == 2, "two paused jobs", TIMEOUT, 0.5)
        paused = find_paused_jobs(waiting)
        shown = CliRunner().invoke(cli(), ["status", str(waiting.pk)]).output
        for job in paused:
            assert f"verdi process play {job.pk}" in shown
        go(cluster, "relax_inserted")
        until(lambda: not cluster.slurm("squeue", "--noheader"), "end of the jobs", TIMEOUT, 0.5)
    finally:
        cluster.up("sshd")
    for job in paused:
        subprocess.run(["verdi", "process", "play", str(job.pk)], check=True, capture_output=True)
    until(lambda: all(job.is_finished_ok for job in paused), "results", TIMEOUT, 0.5)


def test_a_node_that_dies_takes_no_host_with_it(waiting: Any, cluster: Cluster) -> None:
    until(running(waiting, "relax_all"), "relaxations in Slurm", TIMEOUT, 0.5)
    name = cluster.slurm("sinfo", "--noheader", "--format=%n").split()[0]
    cluster.down("slurmd")
    cluster.slurm("scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=test")
    go(cluster, "relax_all")
    queued = "squeue", "--noheader", "--states=PENDING"
    until(lambda: len(cluster.slurm(*queued).splitlines()) == 2, "new jobs in Slurm", TIMEOUT, 0.5)
    # It registers again, and is in service (`ReturnToService`).
    cluster.up("slurmd")
    finished(waiting, TIMEOUT)


def test_nothing_was_lost_or_computed_twice(waiting: Any) -> None:
    """Each job of AiiDA is one of Slurm and ran once; those of the dead node have successors."""
    assert waiting.outputs.summary["n_restored"] == 2
    counts = [len(jobs_of(waiting, name)) for name in ("sample", "relax_inserted", "relax_all")]
    assert counts == [2, 2, 4]
    for report in reports_by_label(waiting).values():
        assert [report[stage]["failures"] for stage in report] == [0, 0, 1]
        assert "it ended without a result" in report["relax_all"]["message"]
    jobs = jobs_of(waiting)
    runs = [Path(job.get_remote_workdir(), "runs.txt").read_text() for job in jobs]
    assert runs == ["run\n"] * len(jobs)
    assert set(Counter(job.get_job_id() for job in jobs).values()) == {1}


def go(cluster: Cluster, stage: str) -> None:
    (cluster.marks / f"go-{stage}").touch()


def jobs_of(node: Any, stage: str = "") -> list[Any]:
    from aiida.orm import CalcJobNode

    return [
        job
        for one in node.called
        if one.process_label.startswith(f"Stage<{stage}")
        for job in one.called
        if isinstance(job, CalcJobNode)
    ]


def running(node: Any, stage: str) -> Callable[[], bool]:
    """Whether Slurm runs the jobs of a stage, of both hosts, and AiiDA waits for them."""
    from aiida.common.datastructures import CalcJobState

    def is_running(job: Any) -> bool:
        folder = job.get_remote_workdir()
        waited_for = job.get_state() == CalcJobState.WITHSCHEDULER
        return waited_for and Path(folder, "runs.txt").exists()

    return lambda: [is_running(job) for job in jobs_of(node, stage)] == [True, True]


def cli() -> Any:
    from aiida_hpaint.cli import main

    return main
