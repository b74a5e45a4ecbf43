"""What is installed: the wheel's contents, the entry points, the names at the top."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points, metadata, requires
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import aiida_hpaint

ROOT = Path(__file__).parents[1]
ENTRY_POINTS = [
    entry
    for group in ("aiida.data", "aiida.calculations", "aiida.workflows", "console_scripts")
    for entry in entry_points(group=group)
    if entry.value.startswith("aiida_hpaint")
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    with zipfile.ZipFile(folder / done.stdout.splitlines()[-1]) as archive:
        return set(archive.namelist())


def test_the_wheel_has_the_data_of_the_package(wheel: set[str]) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "aiida_hpaint").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - wheel == set()
    assert {"aiida_hpaint/py.typed", "aiida_hpaint/science/protocols/restore.yaml"} <= wheel
    assert any(name.endswith(".safetensors") for name in wheel)


def test_the_wheel_has_nothing_else(wheel: set[str]) -> None:
    metadata = f"aiida_hpaint-{aiida_hpaint.__version__}.dist-info"
    assert {name.partition("/")[0] for name in wheel} == {"aiida_hpaint", metadata}


def test_entry_points_load_where_aiida_has_no_profile_yet(tmp_path: Path) -> None:
    load = (
        "import sys; from importlib.metadata import EntryPoint;"
        "from aiida.manage.configuration import load_config; load_config(create=True);"
        "[EntryPoint('name', value, 'group').load() for value in sys.argv[1:]]"
    )
    values = [entry.value for entry in ENTRY_POINTS]
    environment = {**os.environ, "AIIDA_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", load, *values],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_command_is_an_entry_point() -> None:
    assert "aiida-hpaint" in {entry.name for entry in ENTRY_POINTS}


@pytest.mark.parametrize("name", aiida_hpaint.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    assert getattr(aiida_hpaint, name).__doc__


def test_conda_installs_what_the_package_asks_for() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    conda = dict(one.partition(" ")[::2] for one in listed if isinstance(one, str))
    assert [one["pip"] for one in listed if isinstance(one, dict)] == [[".[ml]"]]
    assert "pip" in conda
    python = metadata("aiida-hpaint")["Requires-Python"]
    assert SpecifierSet(conda["python"]) == SpecifierSet(python)
    needed = [
        Version(line.partition(";")[0].removeprefix("torch>="))
        for line in requires("aiida-hpaint") or ()
        if line.startswith("torch>=") and line.endswith("'ml'")
    ]
    assert SpecifierSet(conda["pytorch-cpu"]) == SpecifierSet(f">={max(needed)}")
