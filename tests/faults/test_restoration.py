"""A whole restoration with one poisoned host in its chunk, and what can be seen of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from processes import finished

from aiida_hpaint.science.structures import StructureBatch

TIMEOUT = 900
QUICK: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 2},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,  # relaxations end early
    "score": None,
    "search": None,
    "potential": {"name": "harmonic", "device": "cpu"},
    "relax_inserted": {"max_steps": 1, "give_up_above": None},
    "relax_all": {"max_steps": 1},
    "keep": 1,
}
OPTIONS = {
    "sample": {"prepend_text": "grep -q poison inputs.pickle && kill -9 $$"},
}


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_the_host_that_kills_its_job_is_named_and_the_others_are_restored(
    brucite: StructureBatch,
) -> None:
    from aiida_hpaint.cli import main
    from aiida_hpaint.queries import find_failed_hosts
    from aiida_hpaint.workflows.restore.build import build_restore

    hosts = replace(brucite[[0, 0, 0]], labels=("poison", "one", "two"))
    graph = build_restore(hosts, overrides=QUICK, options=OPTIONS)
    graph.submit()
    node = finished(graph.process, TIMEOUT, 410)
    report = node.outputs.reports["chunk_0000"]["sample"].get_dict()
    assert report["status"] == "failed in part"
    # Two of the chunk, one of the culprit, and one of the others.
    assert (report["jobs"], report["failures"]) == (2 + 2, 2 + 1)
    assert node.outputs.summary["without_candidate"] == ["poison"]
    found = {node.outputs.structures[key].label: key for key in node.outputs.structures}
    assert set(found) == {"one", "two"}

    (failed,) = find_failed_hosts(node.pk)
    assert failed.label == "poison"
    assert "without a result" in failed.reason
    runner = CliRunner()
    output = runner.invoke(main, ["status", str(node.pk)]).output
    assert "1 of 3 hosts failed" in output
    assert "what to do: ask for more memory or walltime" in output
    restored = node.outputs.structures[found["two"]]
    story = runner.invoke(main, ["provenance", str(restored.pk)])
    assert story.exit_code == 0, story.output
    assert "two" in story.output
