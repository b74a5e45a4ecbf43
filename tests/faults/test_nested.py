"""Graphs within graphs outlive their worker, too."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from processes import finished, until

from aiida_hpaint.science.structures import StructureBatch

TIMEOUT = 600
QUICK: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 1},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,  # relaxations end early
    "score": None,
    "search": None,
    "potential": {"name": "harmonic", "device": "cpu"},
    "relax_inserted": {"max_steps": 1},
    "relax_all": {"max_steps": 1},
}


def inner_children(node: Any) -> dict[str, Any]:
    """What the graph inside has submitted, by label."""
    called = node.base.links.get_outgoing(link_label_filter="restore").all_nodes()
    links = called[0].base.links.get_outgoing().all() if called else []
    return {link.link_label: link.node for link in links}


@pytest.mark.long  # `workflows/chains/test_restore.py` kills it below a graph, too
def test_kill_9_of_the_worker_while_a_graph_within_a_graph_runs(
    host: StructureBatch, daemon: Any
) -> None:
    from aiida.orm import CalcJobNode
    from nested import outer

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.workflows.restore.build import make_restore_inputs

    settings = load_protocol(None, QUICK)
    hosts = StructureBatchData(host)
    graph = outer.build(**make_restore_inputs(hosts, settings, one_job=False))
    graph.submit()
    node = graph.process
    until(lambda: "sample_chunk_0000" in inner_children(node), "stage", TIMEOUT)
    for worker in daemon.get_worker_info()["info"]:
        os.kill(int(worker), signal.SIGKILL)
    finished(node, TIMEOUT)
    assert node.outputs.samples.batch.labels == ("host",)
    jobs = [one for one in node.called_descendants if isinstance(one, CalcJobNode)]
    assert sum(job.get_job_id() is not None for job in jobs) == 3
    assert node.called[0].process_type == node.process_type
