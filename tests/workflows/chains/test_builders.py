"""Each graph has an entry point, and a builder from codes, hosts, a protocol and overrides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from failing_code import make_false_code

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")

BRUCITE = Path(__file__).parents[3] / "examples" / "hosts" / "brucite.cif"


def load(name: str) -> Any:
    from aiida.plugins import WorkflowFactory

    return WorkflowFactory(f"hpaint.{name}")


def test_a_restoration_is_built_from_a_protocol() -> None:
    from aiida.orm import CifData

    overrides = {"sampling": {"samples": 3}, "relax_inserted": {"max_steps": 7}}
    builder = load("restore").get_builder_from_protocol(
        "hpaint-python@localhost", BRUCITE, "fast", overrides, add="H:2"
    )
    settings = builder.settings.get_dict()
    assert settings["sampling"]["samples"] == 3
    assert settings["relax_inserted"]["max_steps"] == 7
    assert {name: code.full_label for name, code in builder.codes.items()} == {
        "sample": "hpaint-python@localhost",
        "relax": "hpaint-python@localhost",
    }
    assert isinstance(builder.hosts["host_00000"], CifData)
    assert builder.add.get_dict() == {"H": 2}


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("restore", {"protocol": "quick"}, "no protocol 'quick'"),
        ("restore", {"code": "nowhere@localhost"}, "code 'nowhere@localhost'"),
        ("restore", {"overrides": {"samplin": {}}}, "did you mean sampling"),
        ("restore", {"options": {"relax": {"queue": "x"}}}, "did you mean queue_name"),
        ("restore", {"hosts": []}, "there is no host"),
        ("benchmark", {"protocol": "quick"}, "no protocol 'quick'"),
        ("count", {"protocol": "fast"}, "no protocol 'fast' of counting"),
        ("count", {"overrides": {"n_maks": 2}}, "did you mean n_max"),
        ("validate", {"protocol": "quick"}, "no protocol 'quick' of DFT"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_built(name: str, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(name).get_builder_from_protocol(**given)


def test_a_benchmark_and_a_count_are_built(brucite: StructureBatch) -> None:
    benchmark = load("benchmark").get_builder_from_protocol(references=brucite, protocol="fast")
    assert benchmark.references.batch.equals(brucite)
    assert benchmark.element == "H"
    assert not benchmark.upload_potential
    with pytest.raises(ValueError, match="has no file that could be sent to the jobs"):
        load("benchmark").get_builder_from_protocol(protocol="fast", upload_potential=True)
    count = load("count").get_builder_from_protocol(host=brucite, overrides={"n_max": 3})
    assert count.settings["n_max"] == 3
    assert count.host.batch.equals(brucite)


def test_a_stage_takes_limits_and_handlers(brucite: StructureBatch) -> None:
    from aiida_hpaint.data.structure_batch import StructureBatchData

    hosts = StructureBatchData(brucite)
    build = load("stage").get_builder_from_protocol
    handlers = {"split_hosts": {"enabled": False}}
    given = {"sampling": {"samples": 3}, "max_jobs": 4, "handler_overrides": handlers}
    built = build(None, hosts, "sample", "fast", given)
    assert built.settings["samples"] == 3
    assert built.max_jobs.value == 4
    assert built.handler_overrides.get_dict() == handlers
    for wrong, message in (
        ({"split_host": {"enabled": False}}, "no handler 'split_host': choose from retry_failed"),
        ({"split_hosts": {"priority": 3}}, "split_hosts: give {'enabled': True}"),
        ({"split_hosts": {"enabled": "no"}}, "not {'enabled': 'no'}"),
    ):
        with pytest.raises(ValueError, match=message):
            build(None, hosts, "sample", "fast", {"handler_overrides": wrong})


def test_overrides_of_pw_are_refused_where_it_does_not_run(brucite: StructureBatch) -> None:
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.workflows.restore.build import build_restore

    pw = {"pw": {"parameters": {"SYSTEM": {"nosym": True}}}}
    build = load("stage").get_builder_from_protocol
    hosts = StructureBatchData(brucite)
    for inside in (pw, {"base": pw}):
        with pytest.raises(
            ValueError, match=r"overrides of pw.x \(pw\) change nothing here: a sing"
        ):
            build(None, hosts, "sample", "fast", {"validation": {"candidates": 2, **inside}})
    assert "settings" in build(None, hosts, "sample", "fast", {"validation": {"candidates": 2}})
    with pytest.raises(ValueError, match="turn the validation on"):
        build_restore(brucite, settings=load_protocol("fast"), nested={"validation": pw})


def test_a_restoration_takes_limits_handlers_and_overrides_of_pw() -> None:
    from aiida_hpaint.workflows.restore.build import build_restore

    pw = {"pw": {"parameters": {"SYSTEM": {"nosym": True}}}}
    handlers = {"split_hosts": {"enabled": False}}
    given = {"sampling": {"seed": 7}, "max_jobs": 4, "handler_overrides": handlers}
    wanted = {"max_jobs": 4, "handler_overrides": handlers, "validation": pw}
    codes = {
        "restore": {"dft": make_false_code()},
        "restore_from_peaks": dict.fromkeys(("dft", "pp"), make_false_code()),
    }
    for name, code in codes.items():
        built = load(name).get_builder_from_protocol(
            code=code, overrides={**given, "validation": {"candidates": 2, "base": pw}}
        )
        assert built.overrides.get_dict() == wanted
        assert built.settings["sampling"]["seed"] == 7
        assert built.settings["validation"]["candidates"] == 2
    plan = build_restore(BRUCITE, add="H:2", overrides=given).inputs.plan._value
    for stage in ("sample", "relax_inserted", "relax_all"):
        assert plan[stage]["max_jobs"].value == 4
        assert plan[stage]["handler_overrides"].get_dict() == handlers
        assert "max_failures" not in plan[stage]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"max_jobs": 0}, "max_jobs: give a positive integer, not 0"),
        ({"handler_overrides": {"split": {}}}, "no handler 'split': choose from retry_failed_job"),
        ({"validation": {"base": {"cutoff_wfc": 40}}}, "no override base.cutoff_wfc"),
        ({"validation": {"handler_overrides": {"handle_ghosts": {}}}}, "handler 'handle_ghosts'"),
        ({"validation": {"pv": {}}}, "no setting validation.pv"),
    ],
)
def test_overrides_that_do_not_exist_are_refused(overrides: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load("restore").get_builder_from_protocol(overrides=overrides)


def test_the_hosts_of_a_task_may_come_from_an_earlier_one() -> None:
    from aiida.engine import calcfunction
    from aiida_workgraph import WorkGraph

    graph = WorkGraph("mine")
    builder = load("restore").get_builder_from_protocol(add="H:2", protocol="fast")
    restored = graph.add_task(builder, name="restoration")
    assert {"samples", "summary", "structures", "table"} <= set(restored.outputs._get_keys())
    first = graph.add_task(calcfunction(prepare), name="first")
    restored.set_inputs({"hosts": {"mine": first.outputs.result}})
    graph.check_before_run()
    links = {(link.to_task.name, link.to_socket._full_name) for link in graph.links}
    assert ("restoration", "inputs.hosts.mine") in links


def prepare() -> Any:
    from aiida.orm import StructureData

    return StructureData()


def test_files_of_potentials_go_along_with_benchmarks_and_counts(tmp_path: Path) -> None:
    from aiida_hpaint.science.counting.settings import CountingSettings
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.science.structures import read_hosts
    from aiida_hpaint.workflows.benchmark.build import build_benchmark
    from aiida_hpaint.workflows.counting import build_count

    file = tmp_path / "mine.pth"
    file.write_bytes(b"weights")
    potential = {"name": "sevennet", "model": str(file), "trust": True}
    settings = load_protocol("fast", {"potential": potential, "search": None})
    host = read_hosts(BRUCITE)
    counting = CountingSettings(element="O", n_max=1, restoration=settings)
    # Another Python, so that this one need not load the potential.
    code = {"sample": "hpaint-python@localhost", "relax": make_false_code()}
    graphs = {
        "reference_plan": build_benchmark(
            host, settings, element="O", code=code, upload_potential=True
        ),
        "competing": build_count(host, settings=counting, code=code, upload_potential=True),
    }
    for part, graph in graphs.items():
        values = graph.inputs._value
        assert values[part]["potential"].filename == "mine.pth"
        assert values["plan"]["relax_all"]["potential"].filename == "mine.pth"
        assert values[part]["settings"]["potential"]["model"] == "mine.pth"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"sampling": {"seed": 7}}, "no 'sampling': choose from .*; settings are another input"),
        ({"max_jobs": "x"}, "max_jobs: give a positive integer, not 'x'"),
        ({"handler_overrides": {"split": {}}}, "no handler 'split'"),
    ],
)
@pytest.mark.parametrize("name", ["restore", "restore_from_peaks"])
def test_overrides_of_processes_are_checked_in_the_builder_too(
    given: dict[str, Any], problem: str, name: str
) -> None:
    from aiida.orm import Dict

    builder = load(name).get_builder()
    builder.overrides = Dict({"max_jobs": 3, "validation": {"pw": {}}})
    with pytest.raises(ValueError, match=problem):
        builder.overrides = Dict(given)
