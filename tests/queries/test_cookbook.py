"""All code blocks of the page on queries run, and the queries find nodes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import provenance_examples
import pytest

from aiida_hpaint.science.structures import add_sites, read_hosts

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-to" / "queries.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
QUERIES = [block for block in BLOCKS if block.startswith("query =")]


@pytest.fixture(scope="module")
def known(profile: Any) -> dict[str, Any]:
    from aiida.orm import CalcJobNode, Dict, WorkChainNode

    brucite = add_sites(read_hosts(ROOT / "examples" / "hosts" / "brucite.cif"), "H:2")
    hosts = replace(brucite[[0, 0]], labels=("mp-626151", "poison"))
    restoration = provenance_examples.restored(hosts, lost=("poison",))
    samples = restoration.outputs.samples
    references = replace(samples.batch[[0]], scalars={}).with_scalars(host=[0])
    energies = {"host_00000_rank_000": -21.0, "host_00000_reference": -20.0}
    provenance_examples.validated(samples, references, energies)
    stage = provenance_examples.process(WorkChainNode, "Stage<sample>", {}).store()
    provenance_examples.returned(
        stage, {"report": Dict({"status": "failed", "jobs": 2, "message": "m"}).store()}
    )
    died = provenance_examples.process(CalcJobNode, "PythonJob<run_stage_job>", {}, exit_status=310)
    died.computer = provenance_examples.get_default_code().computer
    died.store()
    structure = restoration.outputs.structures.host_00000.pk
    names: dict[str, Any] = {
        "STRUCTURE": structure,
        "SHA256": provenance_examples.IDENTITY["model"]["sha256"],
    }
    exec(BLOCKS[0], names)
    return names


def test_there_are_blocks() -> None:
    assert len(QUERIES) >= 8


@pytest.mark.parametrize("block", QUERIES)
def test_queries_find_nodes(block: str, known: dict[str, Any]) -> None:
    names = dict(known)
    exec(block, names)
    assert names["query"].count() > 0


@pytest.mark.parametrize("block", [block for block in BLOCKS[1:] if block not in QUERIES])
def test_functions_print_results(
    block: str, known: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(block, dict(known))
    assert capsys.readouterr().out or "print" not in block
