from __future__ import annotations

import copy
import shlex
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from aiida_hpaint import __version__
from aiida_hpaint.science.environment import probe
from aiida_hpaint.science.environment.assessment import assess_answer
from aiida_hpaint.science.environment.findings import Finding, list_remedies, select_problems
from aiida_hpaint.science.environment.models import find_local_generator
from aiida_hpaint.science.environment.requirements import normalise_name
from aiida_hpaint.science.environment.workload import (
    Workload,
    build_question,
    list_requirements,
    read_workload,
)
from aiida_hpaint.science.settings import PotentialSettings

PYTHON = "/work/me/a 'b c/bin/python"


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """What this very environment would answer, without starting interpreters."""
    asked = build_question(Workload())
    here = {**probe.describe_interpreter(), "executable": PYTHON}
    return {
        "packages": probe.find_versions(asked["packages"]),
        "python": here,
        "machine": probe.describe_machine(),
        "environment": {},
        "disk": {"total": 2**40, "free": 2**40},
        "imports": dict.fromkeys(asked["modules"], ""),
        "source": probe.hash_package_source("aiida_hpaint"),
        "weights": {name: probe.hash_weights(name) for name in asked["weights"]},
        "files": {},
        "torch": {"version": "2.9.0+cpu", "cuda": None, "devices": [], "threads": 1},
        "models": {
            "folder": "/home/me/models",
            "found": {"bundled": dict(find_local_generator("bundled") or {})},
            "errors": {},
        },
    }


@pytest.fixture
def answer(whole: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(whole)


def by_what(answer: dict[str, Any], **wanted: Any) -> dict[str, Finding]:
    return {found.item: found for found in assess_answer(answer, Workload(**wanted))}


def bad(answer: dict[str, Any], **wanted: Any) -> set[str]:
    return {found.item for found in select_problems(assess_answer(answer, Workload(**wanted)))}


def test_the_same_environment_has_no_problem(answer: dict[str, Any]) -> None:
    assert bad(answer) == set()


def test_what_is_missing_is_installed_by_one_command(answer: dict[str, Any]) -> None:
    answer["packages"]["cloudpickle"] = None
    answer["packages"]["torch"] = "2.1.0"
    answer["packages"]["rich"] = None
    findings = assess_answer(answer, Workload())
    assert {found.item for found in select_problems(findings)} == {"cloudpickle", "torch"}
    (command,) = list_remedies(findings, PYTHON)
    python, dash, pip, install, *packages = shlex.split(command)
    assert [python, dash, pip, install] == [PYTHON, "-m", "pip", "install"]
    assert [Requirement(one).name for one in packages] == ["cloudpickle", "torch"]


@pytest.mark.parametrize("version", [None, "0.0.1"])
def test_the_package_itself_must_be_the_same(answer: dict[str, Any], version: str | None) -> None:
    answer["packages"]["aiida-hpaint"] = version
    found = by_what(answer)["aiida-hpaint"]
    assert found.is_problem
    assert f"aiida_hpaint-{__version__}-py3-none-any.whl" in shlex.split(found.remedy)
    assert "--no-deps" in found.remedy


def test_other_files_of_the_same_version_are_told(answer: dict[str, Any]) -> None:
    answer["source"] = "0" * 64
    assert by_what(answer)["  its files"].status == "note"
    assert bad(answer) == set()


@pytest.mark.parametrize("version", ["3.6.8", "3.9.2", "3.14.0", "2.7.18"])
def test_a_python_that_is_too_old_or_too_new(answer: dict[str, Any], version: str) -> None:
    python = {"version": version, "executable": "/usr/bin/python"}
    assert bad({**answer, "python": {**answer["python"], **python}}) >= {"Python"}
    # The oldest say nothing more.
    assert [found.item for found in assess_answer({"python": python}, Workload())] == ["Python"]


def test_markers_are_those_of_the_other_python(answer: dict[str, Any]) -> None:
    answer["packages"]["numpy"] = "2.0.0"
    answer["python"]["version"] = "3.12.1"
    assert "numpy" not in bad(answer)
    answer["python"]["version"] = "3.13.1"
    assert "numpy" in bad(answer)


def test_no_gpu_where_one_is_asked_for(answer: dict[str, Any]) -> None:
    assert "GPU" not in bad(answer)
    assert "without CUDA" in by_what(answer, gpus=1)["GPU"].remedy
    answer["torch"] |= {"version": "2.9.0", "cuda": "12.8"}
    answer["environment"]["CUDA_VISIBLE_DEVICES"] = ""
    assert "CUDA_VISIBLE_DEVICES is ''" in by_what(answer, gpus=1)["GPU"].remedy
    answer["torch"]["devices"] = [{"name": "NVIDIA H100", "memory": 80 * 2**30}]
    assert by_what(answer, gpus=1)["GPU"].found == "NVIDIA H100, 80 GiB"
    assert bad(answer, gpus=1) == set()
    assert bad(answer, gpus=2) == {"GPU"}


def test_loops_that_cannot_be_compiled_are_a_note(answer: dict[str, Any]) -> None:
    answer["loops"] = {"compiled": True, "reason": ""}
    assert by_what(answer)["loops of SevenNet"].status == "ok"
    answer["loops"] = {"compiled": False, "reason": "there is no C compiler"}
    found = by_what(answer)["loops of SevenNet"]
    assert (found.status, found.remedy) == ("note", "there is no C compiler")
    assert bad(answer) == set()


def test_loops_are_sought_where_sevennet_runs_on_a_cpu() -> None:
    assert build_question(Workload())["loops"]
    assert not build_question(Workload(gpus=1))["loops"]
    assert not build_question(Workload(stages=("sample",)))["loops"]
    others = (PotentialSettings(name="chgnet"),)
    assert not build_question(Workload(potentials=others))["loops"]


def test_broken_imports_are_named(answer: dict[str, Any]) -> None:
    answer["imports"]["sevenn"] = "OSError: libgomp.so.1: cannot open shared object file"
    found = by_what(answer)["import sevenn"]
    assert found.is_problem
    assert "libgomp" in found.found


def test_imports_that_only_repeat_a_missing_package_are_not(answer: dict[str, Any]) -> None:
    answer["packages"]["torch"] = None
    answer["imports"]["sevenn"] = "ModuleNotFoundError: No module named 'torch.nn'"
    assert bad(answer) == {"torch"}
    answer["imports"]["sevenn"] = "ModuleNotFoundError: No module named 'e3nn'"
    assert bad(answer) == {"torch", "import sevenn"}


def test_generators_are_compared_by_weights_and_card(answer: dict[str, Any]) -> None:
    assert bad(answer, generators=("bundled", "mine")) == {"generator mine"}
    assert "--upload-model" in by_what(answer, generators=("mine",))["generator mine"].remedy
    answer["models"]["found"]["bundled"]["card"] = "0" * 64
    assert "its card" in by_what(answer)["generator bundled"].remedy
    answer["models"]["found"]["bundled"]["sha256"] = "0" * 64
    assert by_what(answer)["generator bundled"].status == "differs"
    # Nobody asked for it.
    assert bad(answer, generators=("random",)) == set()
    assert bad(answer, stages=("relax",)) == set()


def test_published_generators_are_fetched_there(answer: dict[str, Any]) -> None:
    name = "xtalpaint/td-pos-only"
    answer["packages"]["huggingface-hub"] = None
    first, second = list_remedies(assess_answer(answer, Workload(generators=(name,))), PYTHON)
    assert shlex.split(first)[-1].startswith("huggingface-hub")
    assert shlex.split(second) == [
        PYTHON.replace("/python", "/aiida-hpaint"),
        "models",
        "fetch",
        name,
    ]


def test_weights_of_packages_are_compared(answer: dict[str, Any]) -> None:
    name = next(iter(answer["weights"]["sevenn"]))
    answer["weights"]["sevenn"][name] = "0" * 64
    assert bad(answer) == {"potential sevennet-0"}
    answer["weights"]["sevenn"] = {}
    assert by_what(answer)["potential sevennet-0"].status == "missing"


def test_files_of_potentials_are_compared(answer: dict[str, Any], tmp_path: Any) -> None:
    file = tmp_path / "a b.nequip.zip"
    file.write_bytes(b"model")
    name = str(file)
    wanted = {"potentials": (PotentialSettings(name="nequip", model=name),)}
    answer["packages"] |= probe.find_versions(["nequip", "lightning"])
    for there, verdict in (
        (None, "missing"),
        ("0" * 64, "differs"),
        (probe.hash_local_file(name), "ok"),
    ):
        answer["files"] = {name: there}
        found = by_what(answer, **wanted)[f"potential {name}"]
        assert found.status == verdict
        assert found.is_problem is (verdict != "ok")


def test_packages_of_other_potentials_are_told(answer: dict[str, Any]) -> None:
    answer["packages"]["nequip"] = None
    assert by_what(answer)["nequip"].status == "note"
    assert bad(answer) == set()


def test_a_full_disk_is_a_problem(answer: dict[str, Any]) -> None:
    answer["disk"]["free"] = 1000
    assert bad(answer) == {"disk"}


@pytest.mark.parametrize("part", ["torch", "models", "loops", "machine", "disk", "imports"])
def test_parts_of_an_answer_may_have_failed(answer: dict[str, Any], part: str) -> None:
    answer[part] = {"error": "TimeoutExpired: it took too long"}
    assert any("TimeoutExpired" in found.found for found in assess_answer(answer, Workload()))


def test_a_code_needs_what_its_stages_need() -> None:
    def names(**wanted: Any) -> set[str]:
        return {
            normalise_name(Requirement(line).name) for line in list_requirements(Workload(**wanted))
        }

    chgnet = (PotentialSettings(name="chgnet"),)
    assert {"torch", "sevenn", "safetensors"} <= names()
    assert "sevenn" not in names(stages=("sample",))
    assert "safetensors" not in names(stages=("relax",))
    assert {"chgnet", "torch"} <= names(potentials=chgnet)
    assert "sevenn" not in names(potentials=chgnet)
    assert "lightning" in names(stages=("train",))


def test_what_was_wanted_is_part_of_the_question() -> None:
    wanted = Workload(("relax",), ("mine",), (PotentialSettings(name="mace", model="/m"),), 2)
    assert read_workload(build_question(wanted)) == wanted
    assert build_question(wanted) != build_question(wanted)


def test_generators_of_other_packages_have_to_be_there(
    answer: dict[str, Any], plugin: Path
) -> None:
    wanted = Workload(generators=("bundled", "random", "toy"))
    asked = build_question(wanted)
    assert asked["generators"] == ["bundled"]
    assert "toy_generators" in asked["modules"]
    assert "toy-generators" in list_requirements(wanted)
    assert "toy-generators" in bad(answer, generators=wanted.generators)
