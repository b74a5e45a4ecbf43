from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import aiida_hpaint.science.environment
from aiida_hpaint.science.environment import probe

FOLDER = Path(aiida_hpaint.science.environment.__file__).parent


def test_the_probe_needs_python_alone() -> None:
    for name in ("probe.py", "start.py"):
        for node in ast.walk(ast.parse((FOLDER / name).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found = {node.module or ""}
            else:
                continue
            assert {name.partition(".")[0] for name in found} <= sys.stdlib_module_names


@pytest.mark.parametrize(("name", "minor"), [("probe.py", 8), ("start.py", 4)])
def test_old_pythons_can_read_it(name: str, minor: int) -> None:
    ast.parse((FOLDER / name).read_text("utf-8"), feature_version=(3, minor))


def test_hashes_are_those_of_hashlib(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"x" * 3_000_000)
    assert probe.hash_local_file(str(file)) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert probe.hash_local_file(str(tmp_path / "none")) is None
    assert probe.hash_package_source("no_such_package") is None


def ask(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    for name in ("probe.py", "start.py"):
        (folder / name).write_bytes((FOLDER / name).read_bytes())
    (folder / "question.json").write_text(json.dumps(question))
    subprocess.run([sys.executable, "-I", "start.py"], cwd=folder, check=True)
    answer: dict[str, Any] = json.loads((folder / "answer.json").read_text())
    return answer


def test_modules_that_end_the_interpreter_end_only_their_own(tmp_path: Path) -> None:
    (tmp_path / "fatal.py").write_text("import os; os.abort()")
    (tmp_path / "raises.py").write_text("raise OSError('libcudart.so.12: cannot open')")
    modules = ["fatal", "raises", "no_such_module", "json"]
    answer = ask(tmp_path, {"packages": ["no-such-package"], "modules": modules})
    assert answer["packages"] == {"no-such-package": None}
    assert answer["imports"]["json"] == ""
    assert answer["imports"]["raises"] == "OSError: libcudart.so.12: cannot open"
    assert answer["imports"]["no_such_module"].startswith("ModuleNotFoundError")
    assert "-6" in answer["imports"]["fatal"] or "Abort" in answer["imports"]["fatal"]
    assert answer["disk"]["free"] > 0
    assert answer["machine"]["cores_allowed"] >= 1


def test_of_the_environment_only_what_matters_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    answer = ask(tmp_path, {})
    assert answer["environment"]["SLURM_JOB_ID"] == "7"
    assert "hush" not in json.dumps(answer)


@pytest.mark.parametrize("compiler", ["cc", "no-such-compiler"])
def test_whether_loops_can_be_compiled(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("AIIDA_HPAINT_CACHE", str(tmp_path / "cache"))
    found = ask(tmp_path, {"packages": ["aiida-hpaint"], "loops": True})["loops"]
    assert found["compiled"] == (compiler == "cc")
    assert ("not compiled" in found["reason"]) == (compiler != "cc")
