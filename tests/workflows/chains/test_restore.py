"""Restorations as one process: outputs of the graph, exit codes, and tasks of a user's graph."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
from typing import Any

import numpy as np
import pytest
from processes import finished, until

pytestmark = [pytest.mark.usefixtures("profile"), pytest.mark.slow]


def test_a_restoration_in_a_graph_of_the_user() -> None:
    """A task before it makes its host, one after it takes its samples."""
    from aiida.orm import InstalledCode, Int, QueryBuilder
    from aiida.plugins import WorkflowFactory
    from aiida_workgraph import WorkGraph
    from failing_code import QUICK
    from users_tasks import count_samples, make_host

    from aiida_hpaint.workflows.engine.durable import DurableEngine

    chain = WorkflowFactory("hpaint.restore")
    builder = chain.get_builder_from_protocol(overrides=QUICK, add="H:2")
    codes = QueryBuilder().append(InstalledCode).count()
    graph = WorkGraph("mine")
    host = graph.add_task(make_host, name="host", number=Int(1))
    restored = graph.add_task(builder, name="restoration")
    restored.set_inputs({"hosts": {"mine": host.outputs.result}})
    count = graph.add_task(count_samples, name="count", samples=restored.outputs.samples)
    graph.outputs.count = count.outputs.result
    graph.run()
    assert graph.process.is_finished_ok, graph.process.exit_message
    assert graph.outputs.count.value == 1
    assert QueryBuilder().append(InstalledCode).count() == codes
    one = next(node for node in graph.process.called if node.process_class is chain)
    (inner,) = [node for node in one.called if node.process_class is DurableEngine]
    assert one.outputs.samples.uuid == inner.outputs.samples.uuid
    assert one.outputs.reports.chunk_0000.sample["status"] == "finished"
    assert one.outputs.summary["n_failed"] == 0


def test_total_failure_has_an_exit_code_and_outputs() -> None:
    from aiida.engine import run_get_node
    from aiida.plugins import WorkflowFactory
    from failing_code import BRUCITE, QUICK, make_false_code

    chain = WorkflowFactory("hpaint.restore")
    builder = chain.get_builder_from_protocol(
        make_false_code(), BRUCITE, overrides=QUICK, add="H:2"
    )
    _, node = run_get_node(builder)
    assert node.exit_status == 412
    assert node.exit_message.startswith("none of 2 jobs succeeded: ")
    assert node.outputs.samples.batch.scalars["status"].tolist() == ["failed"]


def test_hosts_that_cannot_be_used_are_an_exit_code() -> None:
    from aiida.engine import run_get_node
    from aiida.plugins import WorkflowFactory
    from failing_code import BRUCITE, QUICK

    chain = WorkflowFactory("hpaint.restore")
    builder = chain.get_builder_from_protocol(None, BRUCITE, overrides=QUICK, add="H:900")
    _, node = run_get_node(builder)
    assert node.exit_status == 401
    assert "H:900 contradicts its file" in node.exit_message


def test_kill_9_of_the_worker_while_a_graph_of_the_user_restores(daemon: Any) -> None:
    """Tasks before and after are functions that the daemon can import."""
    from aiida.orm import CalcJobNode, Float, StructureData
    from aiida.plugins import WorkflowFactory
    from aiida_workgraph import WorkGraph
    from ase.io import read
    from failing_code import BRUCITE, QUICK

    from aiida_hpaint.calculations.ranking import pick_structures
    from aiida_hpaint.calculations.symmetrise import symmetrise_structure
    from aiida_hpaint.workflows.engine.resubmission import DEAD

    chain = WorkflowFactory("hpaint.restore")
    builder = chain.get_builder_from_protocol(overrides=QUICK, add="H:2")
    graph = WorkGraph("mine")
    inputs = {"structure": StructureData(ase=read(BRUCITE)), "tolerance": Float(0.01)}
    first = graph.add_task(symmetrise_structure, name="first", **inputs)
    restored = graph.add_task(builder, name="restoration")
    restored.set_inputs({"hosts": {"mine": first.outputs.result}})
    graph.add_task(pick_structures, name="last", samples=restored.outputs.samples)
    graph.submit()
    node = graph.process

    def get_jobs() -> list[Any]:
        return [one for one in node.called_descendants if isinstance(one, CalcJobNode)]

    until(get_jobs, "job", 1200)
    for worker in daemon.get_worker_info()["info"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(worker), signal.SIGKILL)
    finished(node, 1200)
    # A job that had only been created is replaced.
    assert len([one for one in get_jobs() if one.process_status != DEAD]) == 1
    assert len([one for one in get_jobs() if one.get_job_id()]) == 1
    (one,) = [child for child in node.called if child.process_class is chain]
    assert one.outputs.summary["n_failed"] == 0
    assert "last" in {entry.link_label for entry in node.base.links.get_outgoing().all()}


def test_the_example_of_another_relaxer_ranks_its_samples(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from failing_code import BRUCITE

    monkeypatch.syspath_prepend(str(BRUCITE.parents[1]))
    importlib.import_module("another_relaxer").main()
    told = capsys.readouterr().out
    assert "ended with exit status 0" in told
    rows = [line.split(",") for line in told.splitlines() if line.startswith("brucite,")]
    assert len(rows) == 3
    assert {row[3] for row in rows} <= {"converged", "duplicate"}
    best = next(row for row in rows if row[4] == "0")
    assert np.isfinite(float(best[5]))
