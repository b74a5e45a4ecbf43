from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiida_hpaint.science.environment.assessment import assess_answer
from aiida_hpaint.science.environment.findings import select_problems
from aiida_hpaint.science.environment.workload import Workload, build_question, read_workload

WANTED = Workload(stages=("relax",))


def code(path: str, label: str, plugin: str = "pythonjob.pythonjob") -> Any:
    from aiida.orm import InstalledCode

    from aiida_hpaint.cli.setup.local import ensure_localhost

    computer, _ = ensure_localhost()
    return InstalledCode(
        label=label,
        computer=computer,
        filepath_executable=path,
        default_calc_job_plugin=plugin,
        with_mpi=False,
    ).store()


def check(code: Any, asked: dict[str, Any]) -> Any:
    from aiida.engine import run_get_node
    from aiida.orm import Dict
    from aiida.plugins import CalculationFactory

    calculation: Any = CalculationFactory("hpaint.check")
    return run_get_node(calculation, code=code, question=Dict(asked))[1]


@pytest.fixture
def bare(profile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Python that has nothing, in a folder whose name a shell would act upon."""
    # Jobs of this machine would find our packages there.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = tmp_path / "a 'quoted\" $(touch pwned) folder"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return code(str(folder / "bin" / "python"), "bare")


def test_a_python_without_packages_says_what_is_missing(bare: Any) -> None:
    node = check(bare, build_question(WANTED))
    assert node.is_finished_ok, node.exit_message
    answer = node.outputs.answer.get_dict()
    assert answer["packages"]["aiida-hpaint"] is None
    assert answer["python"]["executable"] == str(bare.filepath_executable)
    found = select_problems(assess_answer(answer, read_workload(node.inputs.question.get_dict())))
    assert {"aiida-hpaint", "cloudpickle", "sevenn", "torch"} <= {one.item for one in found}
    assert not list(Path(node.get_remote_workdir()).glob("pwned"))


@pytest.mark.usefixtures("profile")
def test_a_python_that_is_not_there() -> None:
    node = check(code("/nowhere/bin/python", "no-python"), build_question(WANTED))
    assert node.exit_status == 300
    assert "/nowhere/bin/python" in node.exit_message


@pytest.mark.usefixtures("profile")
def test_the_version_of_a_program(tmp_path: Path) -> None:
    program = tmp_path / "pw.x"
    says = "echo '     Program PWSCF v.6.7MaX starts on  1Jan2026 at 12: 0: 0'; exit 2"
    program.write_text(f"#!/bin/sh\ncat > input\n{says}\n", encoding="utf-8")
    program.chmod(0o755)
    node = check(code(str(program), "pw-check", "quantumespresso.pw"), {"program": "pw"})
    assert node.is_finished_ok, node.exit_message
    assert node.outputs.answer.get_dict() == {"program": "pw", "version": "6.7MaX"}
