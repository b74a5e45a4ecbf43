"""Commands that other packages add through entry points, and some that they add wrongly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main

HEAVY = {"torch", "aiida", "toy_commands"}
CODE = """
import click

@click.command()
def hello():
    "Print a greeting."
    click.echo("hello")

@click.command()
def fail():
    raise ValueError("this host has no sites")
"""
ENTRY_POINTS = """
[hpaint.commands]
hello = toy_commands:hello
fail = toy_commands:fail
restore = toy_commands:hello
absent = toy_commands:absent
number = math:pi
"""


def install(folder: Path, name: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "toy_commands.py").write_text(CODE)
    install(tmp_path, "toy-commands")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("toy_commands", None)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_command_runs_and_its_errors_are_messages() -> None:
    assert run("hello").output == "hello\n"
    assert "this host has no sites" in run("fail").output
    assert isinstance(run("--debug", "fail").exception, ValueError)


def test_our_own_commands_stay() -> None:
    assert "Restore the missing sites" in run("restore", "--help").output
    assert "restore  " not in run("--help").output.partition("Commands of other packages")[2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "'absent' of the package toy-commands cannot be imported: AttributeError"),
        ("number", "toy-commands registers math:pi as the command 'number', which is no click"),
        ("nothing", "No such command 'nothing'"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(name: str, message: str) -> None:
    result = run(name)
    assert result.exit_code != 0
    assert message in result.output


def test_two_packages_with_one_command(package: Path) -> None:
    install(package, "more-commands")
    assert "several packages add a command 'hello': more-commands, toy-commands" in (
        run("hello").output
    )
    assert "from the package more-commands, toy-commands" in run("--help").output


def test_the_help_imports_no_plugin(package: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(package)!r})\n"
        "from aiida_hpaint.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"assert not {HEAVY!r} & sys.modules.keys(), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout
