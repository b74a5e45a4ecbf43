"""Exports are complete, safe, and reproduced in another profile."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import provenance_examples
import pytest
from benchmark_rows import make_rows
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.science.structures import StructureBatch, add_sites, read_hosts

pytestmark = pytest.mark.usefixtures("profile")

EXAMPLES = Path(__file__).parents[3] / "examples"
HOSTILE = ("../../<script>alert(1)</script>", "x\x1b[31m`rm`\n## c")


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture(scope="module")
def restoration(profile: Any) -> Any:
    brucite = add_sites(read_hosts(EXAMPLES / "hosts" / "brucite.cif"), "H:2")
    return provenance_examples.restored(
        replace(brucite[[0, 0]], labels=HOSTILE), name="../a `b`\nc"
    )


def test_a_work_chain_stands_for_the_restoration_that_it_runs(
    brucite: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from aiida.common.links import LinkType
    from aiida.orm import WorkChainNode, WorkflowNode

    from aiida_hpaint.cli.publish.export import _load
    from aiida_hpaint.data.structure_batch import StructureBatchData

    chain = provenance_examples.process(WorkChainNode, "RestoreWorkChain", {}).store()
    inputs = {"graph_inputs__hosts": StructureBatchData(brucite).store()}
    graph = provenance_examples.process(WorkflowNode, "WorkGraph<restore>", inputs)
    graph.base.links.add_incoming(chain, LinkType.CALL_WORK, "graph")
    graph.store()
    assert [node.pk for node in _load(str(chain.pk))[0]] == [graph.pk]
    assert f"node {graph.pk}, which node {chain.pk} has called" in capsys.readouterr().err


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of all files that do not contain the time of writing."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".aiida", ".png", ".pdf")
    }


def test_a_restoration_is_published(restoration: Any, tmp_path: Path) -> None:
    from aiida_hpaint.publication import check_archive

    output = tmp_path / "out"
    result = run(restoration.pk, "-o", output, "--title", "# <b>T</b>", "--licence", "CC0-1.0")
    assert result.exit_code == 0, result.output
    assert "Exported 1 process (4 jobs) to" in result.output
    # Malicious labels do not lead to files outside of the folder.
    assert os.listdir(tmp_path) == ["out"]
    assert sorted(files(output)) == [
        "README.md",
        "SHA256SUMS",
        "restoration_a_b_c/candidates.extxyz",
        "restoration_a_b_c/report.html",
        "restoration_a_b_c/reports/3Dmol-min.js",
        "restoration_a_b_c/reports/3Dmol-min.js.LICENSE.txt",
        "restoration_a_b_c/reports/script_alert_1_script.html",
        "restoration_a_b_c/reports/x_31m_rm_c.html",
        "restoration_a_b_c/samples.csv",
        "restoration_a_b_c/script_alert_1_script.cif",
        "restoration_a_b_c/script_alert_1_script_relaxed.cif",
        "restoration_a_b_c/x_31m_rm_c.cif",
        "restoration_a_b_c/x_31m_rm_c_relaxed.cif",
    ]
    text = (output / "README.md").read_text("utf-8")
    assert text.startswith("# \\# \\<b\\>T\\</b\\>\n")
    assert f"aiida-hpaint results {restoration.uuid} --output restoration_a_b_c" in text
    assert f"- model: `m sha256 {'0f' * 32}`" in text
    assert f"- weights: `p sha256 {'1e' * 32}`" in text
    assert "CC0\\-1.0" in text or "CC0-1.0" in text
    assert "Completeness check: passed." in text
    assert "<script>" not in text
    for line in (output / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == digest
    archive = check_archive(output / "archive.aiida", [restoration.uuid, "nobody"])
    assert archive.missing == ("process nobody is missing",)
    assert {job.stage for job in archive.jobs} == {"sample", "relax_all"}
    one = archive.jobs[0]
    assert replace(archive, jobs=(one, replace(one, stage="score"))).job_count == 1


def test_groups_are_published(restoration: Any, tmp_path: Path) -> None:
    from aiida.orm import Group

    group = Group(label="hydrides").store()
    group.add_nodes([restoration])
    result = run("hydrides", restoration.uuid, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert "Exported 1 process (" in result.output


def test_missing_data_are_reported(brucite: StructureBatch, tmp_path: Path) -> None:
    from aiida.orm import WorkflowNode

    from aiida_hpaint.data.structure_batch import StructureBatchData

    node = StructureBatchData(brucite).store()
    drawn = provenance_examples.stage("sample", node, brucite, {"model": {"name": "m"}})
    graph = provenance_examples.process(
        WorkflowNode, "WorkGraph<restore>", {"graph_inputs__hosts": node}
    ).store()
    provenance_examples.returned(
        graph,
        {"samples": provenance_examples.restored(brucite).outputs.samples, "unrelaxed": drawn},
    )
    result = run(graph.seal().pk, "-o", tmp_path)
    assert result.exit_code == 1
    assert "its version of aiida-hpaint is unknown" in result.output
    assert "model m has neither a sha256 nor the version of a package" in result.output
    assert "neither a sha256" in (tmp_path / "README.md").read_text("utf-8")


def test_unpublishable_nodes_are_refused(restoration: Any, tmp_path: Path) -> None:
    from aiida.orm import Group, WorkflowNode

    samples = restoration.outputs.samples
    Group(label="nothing").store()
    running = provenance_examples.process(
        WorkflowNode, "WorkGraph<restore>", {}, process_state="running"
    ).store()
    other = provenance_examples.process(WorkflowNode, "Other", {}).store()
    hosts = {"graph_inputs__hosts": restoration.inputs.graph_inputs.hosts}
    died = provenance_examples.process(
        WorkflowNode, "WorkGraph<restore>", hosts, process_state="killed"
    ).store()
    output = tmp_path / "out"
    for source, message in (
        (123456789, "there is no node and no group 123456789"),
        ("never-made", "there is no node and no group never-made"),
        ("nothing", "nothing is neither a process nor a group with processes"),
        (samples.pk, f"{samples.pk} is neither a process"),
        (running.pk, "has not ended yet"),
        (died.pk, f"restoration {died.pk} has no samples"),
        (other.pk, "(Other) is not a restoration, validation or benchmark"),
    ):
        result = run(source, "-o", output)
        assert result.exit_code == 2
        assert message in result.output
        assert not output.exists()
    (tmp_path / "full").write_text("")
    result = run(restoration.pk, "-o", tmp_path)
    assert result.exit_code == 2
    assert "is not empty" in result.output


def test_partial_results_are_published(tmp_path: Path) -> None:
    brucite = add_sites(read_hosts(EXAMPLES / "hosts" / "brucite.cif"), "H:2")
    node = provenance_examples.died(replace(brucite[[0, 0]], labels=("done", "sampled")))
    result = run(node.pk, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "restoration_cut_short: the process ended early: it was killed" in result.output
    assert "restoration_cut_short: host sampled: no sample became a candidate" in result.output
    written = files(tmp_path / "out")
    assert {"restoration_cut_short/done.cif", "restoration_cut_short/samples.csv"} <= set(written)
    assert "restoration_cut_short/sampled.cif" not in written
    readme = written["README.md"].decode()
    assert "## Failures" in readme
    assert "- `restoration_cut_short/`: the process ended early: it was killed" in readme


def test_an_early_end_by_dft_is_reported(tmp_path: Path) -> None:
    node = provenance_examples.restored_by_dft(host(), "1 sites are still missing after 5 rounds")
    result = run(node.pk, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "exit status 405: 1 sites are still missing after 5 rounds" in result.output
    assert "405" in (tmp_path / "out" / "README.md").read_text("utf-8")
    assert (tmp_path / "out" / "structure" / "host.cif").exists()


def test_a_running_child_is_named(tmp_path: Path) -> None:
    from aiida.common.links import LinkType
    from aiida.orm import WorkChainNode, WorkflowNode

    brucite = add_sites(read_hosts(EXAMPLES / "hosts" / "brucite.cif"), "H:2")
    restored = provenance_examples.restored(brucite)
    hosts = {"graph_inputs__hosts": restored.inputs.graph_inputs.hosts}
    graph = provenance_examples.process(
        WorkflowNode, "WorkGraph<restore>", hosts, process_state="killed"
    ).store()
    child = provenance_examples.process(WorkChainNode, "Stage<sample>", {}, process_state="waiting")
    child.base.links.add_incoming(graph, LinkType.CALL_WORK, "sample_chunk_0000")
    child.store()
    provenance_examples.returned(graph, {"samples": restored.outputs.samples})
    result = run(graph.seal().pk, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert f"Stage<sample> {child.pk} has not ended yet" in result.output
    child.seal()


def test_authors_and_other_metadata_are_in_the_readme(restoration: Any, tmp_path: Path) -> None:
    metadata = ["--author", "A. B. (<i>Lab</i>)", "--author", "C. D.", "--description", "Hydrides."]
    metadata += ["--keyword", "hydrogen", "--reference", "doi:10.1000/1"]
    metadata += ["--licence", "CC-BY-4.0"]
    result = run(restoration.pk, "-o", tmp_path, *metadata)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "README.md").read_text("utf-8")
    assert (
        "## Authors\n\n- A. B. (\\<i\\>Lab\\</i\\>)\n- C. D.\n\n## Description\n\nHydrides.\n"
        in text
    )
    assert "https://creativecommons.org/licenses/by/4.0/" in text
    assert "C. D., *Restored crystal structures*, Materials Cloud Archive" in text


def test_campaigns_are_published_with_earlier_restorations(
    restoration: Any, tmp_path: Path
) -> None:
    from aiida_hpaint.campaigns.group import OTHER_RESTORATIONS, get_or_create_campaign
    from aiida_hpaint.publication import check_archive

    brucite = add_sites(read_hosts(EXAMPLES / "hosts" / "brucite.cif"), "H:2")
    chunk = provenance_examples.restored(brucite, name="$(x) <b> chunk_0000")
    group = get_or_create_campaign("../$(x) <b>")
    group.add_nodes([chunk])
    group.base.extras.set(OTHER_RESTORATIONS, {restoration.uuid: [0]})
    result = run("../$(x) <b>", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "2 processes" in result.output
    assert os.listdir(tmp_path) == ["out"]
    found = check_archive(tmp_path / "out" / "archive.aiida", [chunk.uuid, restoration.uuid])
    assert found.missing == ()


def test_archives_of_others_are_checked(restoration: Any, tmp_path: Path) -> None:
    from aiida.orm import Dict, WorkChainNode
    from aiida.tools.archive import create_archive

    good = tmp_path / "good.aiida"
    create_archive([restoration], filename=good)
    result = run("--check", good)
    assert result.exit_code == 0, result.output
    assert "4 jobs. Completeness check: passed." in result.output
    assert f"p: weights with the sha256 {'1e' * 32}" in result.output

    # A forged archive: it has a process that a daemon would continue.
    chain = provenance_examples.process(WorkChainNode, "Any", {}, process_state="waiting").store()
    chain.base.attributes.set("checkpoints", "!!python/object/apply:os.system [ls]")
    provenance_examples.returned(chain, {"d": Dict({}).store()})
    chain.seal()
    bad = tmp_path / "bad.aiida"
    create_archive([chain], filename=bad, strip_checkpoints=False)
    result = run("--check", bad)
    assert result.exit_code == 1
    assert (
        f"process {chain.uuid} has not ended: a daemon would continue it, do not import it"
        in result.output
    )

    (tmp_path / "no.aiida").write_bytes(b"no archive")
    result = run("--check", tmp_path / "no.aiida")
    assert result.exit_code == 2
    assert "cannot be read" in result.output
    assert run("--check", good, restoration.pk).exit_code == 2
    assert run("-o", tmp_path / "x").exit_code == 2


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("pseudos__Mg", "it has no pseudopotential of Mg"),
        ("kpoints", "it has no input kpoints"),
        ("code", "it has no code"),
        ("parameters", "it has no settings"),
    ],
)
def test_missing_inputs_of_dft_are_reported(
    lost: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = provenance_examples.process

    def without(kind: Any, label: str, inputs: dict[str, Any], **attributes: Any) -> Any:
        kept = {name: value for name, value in inputs.items() if name != lost}
        return process(kind, label, kept, **attributes)

    monkeypatch.setattr(provenance_examples, "process", without)
    result = run(provenance_examples.restored_by_dft(host()).pk, "-o", tmp_path)
    assert result.exit_code == 1
    assert message in result.output


def test_a_pseudopotential_that_does_not_match_its_hash_is_reported(tmp_path: Path) -> None:
    from aiida.orm import CalcJobNode

    node = provenance_examples.restored_by_dft(host())
    [job] = [one for one in node.called_descendants if isinstance(one, CalcJobNode)]
    job.inputs.pseudos.Mg.backend_entity.set_attribute("md5", "0" * 32)
    result = run(node.pk, "-o", tmp_path)
    assert result.exit_code == 1
    assert "the pseudopotential Mg.upf does not match its MD5" in result.output


def host() -> Any:
    from aiida.orm import StructureData

    structure = StructureData(cell=[[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]])
    structure.append_atom(position=(0.0, 0.0, 0.0), symbols="Mg")
    structure.append_atom(position=(2.0, 2.0, 2.0), symbols="O")
    structure.label = "host"
    return structure


@pytest.mark.slow
def test_an_empty_profile_reproduces_every_table(
    restoration: Any, samples: StructureBatch, tmp_path: Path
) -> None:
    from aiida.orm import Group

    batch = restoration.outputs.samples.batch
    references = replace(batch[[0]], scalars={}).with_scalars(host=[0])
    energies = {f"host_0000{i}_rank_000": -21.0 for i in (0, 1)} | {"host_00000_reference": -20.0}
    validation = provenance_examples.validated(restoration.outputs.samples, references, energies)
    rows = make_rows(0.6, hosts=4)
    rows[0] = rows[0].model_copy(update={"label": HOSTILE[0]})
    benchmark = provenance_examples.benchmarked(rows, samples)
    brucite = add_sites(read_hosts(EXAMPLES / "hosts" / "brucite.cif"), "H:2")
    partial = provenance_examples.died(replace(brucite[[0, 0]], labels=("done", "sampled")))
    by_dft = provenance_examples.restored_by_dft(host())
    group = Group(label="published").store()
    group.add_nodes([restoration, partial])
    nodes = ["published", validation.uuid, benchmark.uuid, by_dft.uuid]
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
    command = [sys.executable, "-c", RUN_IN_ANOTHER_PROFILE, *commands]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = files(tmp_path / "there")
    # The digest of the archive changes, because it contains the time of writing.
    del written["SHA256SUMS"], found["SHA256SUMS"]
    assert sorted(found) == sorted(written)
    assert {name for name in written if found[name] != written[name]} == set()
    assert {"samples.csv", "validation.csv", "rows.jsonl", "summary.json", "report.html"} <= {
        Path(name).name for name in written
    }


RUN_IN_ANOTHER_PROFILE = """
import sys
from aiida_hpaint.cli import main
from aiida_hpaint.cli.setup.local import ensure_profile

ensure_profile()
from aiida.orm import Node, QueryBuilder
from aiida.tools.archive import import_archive

assert QueryBuilder().append(Node).count() == 0
import_archive(sys.argv[1].split(maxsplit=1)[1])
main(sys.argv[2].split())
"""
