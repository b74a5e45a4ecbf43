"""Benchmarks through a real daemon, beside the same in plain Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from processes import finished

from aiida_hpaint.science.benchmark import References, read_references, run_benchmark
from aiida_hpaint.science.benchmark.statistics import HostRow, read_rows
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.settings import RestorationSettings

EXAMPLES = Path(__file__).parents[3] / "examples" / "references"
FILES = [EXAMPLES / "brucite.cif", EXAMPLES / "lithium_hydroxide.cif"]
TIMEOUT = 900

TIMES = ("seconds_sampling", "seconds_relaxing")


@pytest.fixture
def references() -> References:
    return read_references(FILES)


@pytest.fixture
def settings() -> RestorationSettings:
    sampling = {"samples": 2, "steps": 10, "device": "cpu"}
    relaxed = {"relax_inserted": {"max_steps": 20}, "search": None}
    return load_protocol("fast", {"sampling": sampling, **relaxed})


def check_figures(left: Any, right: Any) -> None:
    """Equal but for the last digit of floats, which the database rounds."""
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for key, value in left.items():
            check_figures(value, right[key])
    elif isinstance(left, list):
        for pair in zip(left, right, strict=True):
            check_figures(*pair)
    else:
        assert right == (pytest.approx(left) if isinstance(left, float) else left)


def close(left: float | None, right: float | None) -> bool:
    return left is right is None or left == pytest.approx(right, abs=1e-3)


def check_same(left: HostRow, right: HostRow) -> None:
    """Equal but for times; jobs share batches, so that floats differ by rounding."""
    known, found = left.model_dump(exclude={*TIMES}), right.model_dump(exclude={*TIMES})
    ours, theirs = known.pop("samples"), found.pop("samples")
    evidence = known.pop("evidence") or {}, found.pop("evidence") or {}
    for pair in [(known, found), evidence, *zip(ours, theirs, strict=True)]:
        assert pair[0].keys() == pair[1].keys()
        for key, value in pair[0].items():
            same = close(value, pair[1][key]) if isinstance(value, float) else value == pair[1][key]
            assert same, (key, value, pair[1][key])


@pytest.mark.slow
def test_it_finds_what_plain_python_finds(
    references: References, settings: RestorationSettings, daemon: Any, tmp_path: Path
) -> None:
    from aiida_hpaint.cli import main
    from aiida_hpaint.workflows.benchmark.build import build_benchmark

    summary = run_benchmark(references, settings, tmp_path / "here")
    graph = build_benchmark(references, settings, chunk_sites=5, name="two crystals")
    graph.submit()
    node = finished(graph.process, TIMEOUT)
    for key in ("les", "lowest_match", "single_sample_match_unrelaxed", "splits", "k"):
        check_figures(summary[key], node.outputs.summary[key])

    arguments = ["benchmark", "--show", str(node.pk), "--output", str(tmp_path / "there")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "there" / "report.html").exists()
    rows = zip(read_rows(tmp_path / "here"), read_rows(tmp_path / "there"), strict=True)
    for left, right in rows:
        check_same(left, right)
    told = json.loads((tmp_path / "there" / "settings.json").read_text())
    here = json.loads((tmp_path / "here" / "settings.json").read_text())
    assert {key: told[key] for key in ("references", "element", "settings")} == {
        key: here[key] for key in ("references", "element", "settings")
    }
    check_provenance(node)


def check_provenance(node: Any) -> None:
    """From the summary back to the references, each step a link."""
    from aiida.orm import CalcFunctionNode, QueryBuilder

    from aiida_hpaint.data.structure_batch import StructureBatchData

    query = QueryBuilder()
    query.append(StructureBatchData, tag="references", project="id")
    query.append(
        CalcFunctionNode,
        with_incoming="references",
        edge_filters={"label": "references"},
        filters={"attributes.function_name": "remove_element"},
        tag="removal",
    )
    query.append(StructureBatchData, with_incoming="removal", edge_filters={"label": "hosts"})
    assert query.count() >= 1
    creator = node.outputs.summary.creator
    assert creator.process_label.startswith("compare_restored")
    assert creator.inputs.complete.creator.inputs.element.value == "H"


@pytest.mark.long  # `half_restored` has jobs that die, and `science/benchmark` their rows
@pytest.mark.usefixtures("profile")
def test_jobs_that_die_leave_hosts_without_candidates() -> None:
    from aiida_hpaint.workflows.benchmark.build import build_benchmark

    sampling = {"generator": "random", "samples": 2, "device": "cpu"}
    plain = {
        "sampling": sampling,
        "symmetry": {"symmetrised": False, "wyckoff": 0},
        "score": None,
        "search": None,
    }
    settings = load_protocol("fast", plain)
    references = read_references(FILES[:1])
    dies = {"relax": {"prepend_text": "exit 1"}}
    graph = build_benchmark(references, settings, options=dies, chunk_sites=5)
    graph.run()
    assert graph.process.exit_status == 411, (graph.process.exit_message, graph.process.exception)
    outputs = graph.process.outputs
    assert outputs.summary["les"]["value"] == 0
    assert outputs.summary["statuses"] == {"failed": 2}
    assert {failure["reason"] for failure in outputs.summary["failures"]} == {"no candidate"}
    lines = outputs.rows.get_content().splitlines()
    rows = [HostRow.model_validate_json(line) for line in lines]
    assert [row.label for row in rows] == list(references.hosts.labels)
    assert rows[0].reference_energy is None
    assert rows[0].samples[0].worst_inserted_unrelaxed is not None
    check_provenance(graph.process)


@pytest.mark.usefixtures("profile")
def test_structures_without_the_element_are_refused(settings: RestorationSettings) -> None:
    from aiida_hpaint.science.structures import HostError, read_hosts
    from aiida_hpaint.workflows.benchmark.build import build_benchmark

    with pytest.raises(HostError, match="it has no Li"):
        build_benchmark(read_hosts(FILES[0]), settings, element="Li")


@pytest.mark.usefixtures("profile")
def test_a_node_that_is_no_benchmark_is_reported() -> None:
    from aiida.orm import Int

    from aiida_hpaint.workflows.benchmark.results import load_benchmark

    with pytest.raises(ValueError, match="there is no node 123456789"):
        load_benchmark(123456789)
    pk = Int(3).store().pk
    with pytest.raises(ValueError, match=f"node {pk} is not a benchmark"):
        load_benchmark(pk)
