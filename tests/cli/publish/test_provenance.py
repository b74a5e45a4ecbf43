from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import provenance_examples
import pytest
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.science.structures import StructureBatch


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["provenance", *arguments])


@pytest.fixture
def structure(brucite: StructureBatch, profile: Any) -> Any:
    named = replace(brucite, labels=("mp-1 [red]\x1b[31m\nJobs: 9",))
    return provenance_examples.restored(named).outputs.structures.host_00000


def test_the_provenance_is_shown_as_text(structure: Any) -> None:
    result = run(str(structure.pk))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    # A label cannot write lines of its own, nor speak to the terminal.
    assert lines[0].startswith("mp-1 [red]?[31m?Jobs: 9 (H2MgO2), node ")
    assert lines[1] == "A sample relaxed by the potential."
    assert "from brucite.cif); inserted: 2 H" in lines[2]
    assert "generated, converged, rank 0, -20.0000 eV, max force 0.020 eV/Å" in lines[3]
    assert lines[4:8] == [
        f"Model: m, sha256 {'0f' * 32}, seed 7",
        f"Potential: p, q 1, sha256 {'1e' * 32}",
        "Version: aiida-hpaint 0.1.0",
        "Settings of sample: about=sample",
    ]
    assert "Jobs: 2, on localhost" in lines
    assert any(" relax_all: hpaint-python@localhost (" in line for line in lines)


def test_the_provenance_is_printed_as_json(structure: Any) -> None:
    result = run(structure.uuid, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.output)
    assert record["label"] == "mp-1 [red]\x1b[31m\nJobs: 9"
    assert (record["seed"], record["computers"]) == (7, ["localhost"])
    assert [job["stage"] for job in record["jobs"]] == ["sample", "relax_all"]
    assert record["sample"]["status"] == "converged"


@pytest.mark.usefixtures("profile")
def test_unknown_nodes_are_reported() -> None:
    result = run("123456789")
    assert result.exit_code == 2
    assert result.output.startswith("Error: there is no node 123456789: `aiida-hpaint status`")
