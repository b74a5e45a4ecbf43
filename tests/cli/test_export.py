"""What is published: complete, harmless, and the same when it is read elsewhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import told
from benchmark_rows import make_rows
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.structures import StructureBatch, add_sites, read_hosts

pytestmark = pytest.mark.usefixtures("profile")

EXAMPLES = Path(__file__).parents[2] / "examples"
HOSTILE = ("../../<script>alert(1)</script>", "x\x1b[31m`rm`\n## c")


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture(scope="module")
def restoration(profile: Any) -> Any:
    brucite = add_sites(read_hosts(EXAMPLES / "hosts" / "brucite.cif"), "H:2")
    return told.restored(replace(brucite[[0, 0]], labels=HOSTILE), name="../a `b`\nc")


def files(folder: Path) -> dict[str, bytes]:
    """What does not say when it was written."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".aiida", ".png", ".pdf")
    }


def test_a_restoration_is_published(restoration: Any, tmp_path: Path) -> None:
    from aiida_hpaint.publication import walk

    output = tmp_path / "out"
    result = run(restoration.pk, "-o", output, "--title", "# <b>T</b>", "--licence", "CC0-1.0")
    assert result.exit_code == 0, result.output
    assert "1 processes with 4 jobs are in" in result.output
    # Nothing but the folder itself was written to, whatever labels say.
    assert os.listdir(tmp_path) == ["out"]
    assert sorted(files(output)) == [
        "README.md",
        "SHA256SUMS",
        "restoration_a_b_c/candidates.extxyz",
        "restoration_a_b_c/samples.csv",
        "restoration_a_b_c/script_alert_1_script.cif",
        "restoration_a_b_c/x_31m_rm_c.cif",
    ]
    text = (output / "README.md").read_text("utf-8")
    assert text.startswith("# \\# \\<b\\>T\\</b\\>\n")
    assert f"aiida-hpaint results {restoration.uuid} --output restoration_a_b_c" in text
    assert f"- model: `m sha256 {'0f' * 32}`" in text
    assert f"- weights: `p sha256 {'1e' * 32}`" in text
    assert "CC0\\-1.0" in text or "CC0-1.0" in text
    assert "Nothing that was looked for." in text
    assert "<script>" not in text
    for line in (output / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == digest
    archive = walk(output / "archive.aiida", [restoration.uuid, "nobody"])
    assert archive.gaps == ("process nobody is missing",)
    assert {job.stage for job in archive.jobs} == {"sample", "relax_all"}


def test_groups_are_published(restoration: Any, tmp_path: Path) -> None:
    from aiida.orm import Group

    group = Group(label="hydrides").store()
    group.add_nodes([restoration])
    result = run("hydrides", restoration.uuid, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert "1 processes" in result.output


def test_what_a_reader_would_miss_is_told(brucite: StructureBatch, tmp_path: Path) -> None:
    from aiida.orm import WorkflowNode

    from aiida_hpaint.data.structure_batch import StructureBatchData

    node = StructureBatchData(brucite).store()
    drawn = told.stage("sample", node, brucite, {"model": {"name": "m"}})
    graph = told.process(WorkflowNode, "WorkGraph<restore>", {"graph_inputs__hosts": node}).store()
    told.returned(graph, {"samples": told.restored(brucite).outputs.samples, "drawn": drawn})
    result = run(graph.seal().pk, "-o", tmp_path)
    assert result.exit_code == 1
    assert "nothing says which version of aiida-hpaint it ran" in result.output
    assert "model m has neither a sha256 nor the version of a package" in result.output
    assert "neither a sha256" in (tmp_path / "README.md").read_text("utf-8")


def test_what_cannot_be_published_is_refused(restoration: Any, tmp_path: Path) -> None:
    from aiida.orm import Group, WorkflowNode

    samples = restoration.outputs.samples
    Group(label="nothing").store()
    running = told.process(WorkflowNode, "WorkGraph<restore>", {}, process_state="running").store()
    other = told.process(WorkflowNode, "Other", {}).store()
    hosts = {"graph_inputs__hosts": restoration.inputs.graph_inputs.hosts}
    died = told.process(WorkflowNode, "WorkGraph<restore>", hosts, process_state="killed").store()
    output = tmp_path / "out"
    for source, message in (
        (123456789, "there is no node and no group 123456789"),
        ("nowhere", "there is no node and no group nowhere"),
        ("nothing", "nothing is no process, and no group with processes"),
        (samples.pk, f"{samples.pk} is no process"),
        (running.pk, "has not ended yet"),
        (died.pk, f"restoration {died.pk} has no samples"),
        (other.pk, "(Other) is no restoration, validation or benchmark"),
    ):
        result = run(source, "-o", output)
        assert result.exit_code == 1
        assert message in result.output
        assert not output.exists()
    (tmp_path / "full").write_text("")
    result = run(restoration.pk, "-o", tmp_path)
    assert result.exit_code == 2
    assert "is not empty" in result.output


@pytest.mark.slow
def test_an_empty_profile_reproduces_every_table(
    restoration: Any, samples: StructureBatch, tmp_path: Path
) -> None:
    batch = restoration.outputs.samples.batch
    references = replace(batch[[0]], scalars={}).with_scalars(host=[0])
    energies = {f"host_0000{i}_rank_000": -21.0 for i in (0, 1)} | {"host_00000_reference": -20.0}
    validation = told.validated(restoration.outputs.samples, references, energies)
    rows = make_rows(0.6, hosts=4)
    rows[0] = rows[0].model_copy(update={"label": HOSTILE[0]})
    benchmark = told.benchmarked(rows, samples)
    nodes = [restoration.uuid, validation.uuid, benchmark.uuid]
    result = run(*nodes, "-o", tmp_path / "here")
    assert result.exit_code == 0, result.output
    written = files(tmp_path / "here")
    assert b"pseudopotential: `H: H.upf MD5 " in written["README.md"]
    assert "<script>" not in written["benchmark_benchmark/report.html"].decode()

    commands = [
        f"import {tmp_path / 'here' / 'archive.aiida'}",
        f"export {' '.join(nodes)} -o {tmp_path / 'there'}",
    ]
    environment = {**os.environ, "AIIDA_PATH": str(tmp_path / "aiida")}
    elsewhere = [sys.executable, "-c", ELSEWHERE, *commands]
    done = subprocess.run(elsewhere, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = files(tmp_path / "there")
    # The archive has the time of its making.
    del written["SHA256SUMS"], found["SHA256SUMS"]
    assert sorted(found) == sorted(written)
    assert {name for name in written if found[name] != written[name]} == set()
    assert {"samples.csv", "validation.csv", "rows.jsonl", "summary.json", "report.html"} <= {
        Path(name).name for name in written
    }


ELSEWHERE = """
import sys
from aiida_hpaint.cli import main, session

session.ensure_profile()
from aiida.orm import Node, QueryBuilder
from aiida.tools.archive import import_archive

assert QueryBuilder().append(Node).count() == 0
import_archive(sys.argv[1].split(maxsplit=1)[1])
main(sys.argv[2].split())
"""
