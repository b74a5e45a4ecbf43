from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_hpaint.cli import main
from aiida_hpaint.cli.setup.computer_settings import (
    ComputerSettings,
    check_label,
    read_pairs,
    read_text,
)

LOCAL = ("--transport", "core.local", "--scheduler", "core.direct")


def setup(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["setup", "computer", *arguments])


def load(label: str) -> Any:
    from aiida.orm import load_computer

    return load_computer(label=label)


@pytest.mark.usefixtures("profile")
def test_a_computer_is_made_tested_changed_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "a 'quoted\" $(touch pwned) folder" / "{username}"
    result = setup("mine", *LOCAL, "--work-dir", str(folder), "--prepend", "module load x")
    assert result.exit_code == 0, result.output
    assert "created" in result.output
    assert result.output.count("  ok ") == 4
    assert load("mine").get_prepend_text() == "module load x"
    assert not list(tmp_path.rglob("pwned"))

    result = setup("mine", *LOCAL, "--mpiprocs", "4", "--safe-interval", "2")
    assert result.exit_code == 0, result.output
    assert "mpiprocs_per_machine: is now 4" in result.output
    assert "safe_interval is now 2" in result.output
    assert load("mine").get_default_mpiprocs_per_machine() == 4
    assert load("mine").get_configuration()["safe_interval"] == 2
    assert load("mine").get_workdir() == str(folder)

    result = setup("mine")
    assert result.exit_code == 0
    assert "now" not in result.output


@pytest.mark.usefixtures("profile")
def test_another_machine_needs_another_name(tmp_path: Path) -> None:
    from aiida.orm import InstalledCode

    arguments = ("used", "--work-dir", str(tmp_path), "--no-test")
    assert setup(*arguments, *LOCAL).exit_code == 0
    result = setup("used", "--scheduler", "core.slurm", "--no-test")
    assert result.exit_code == 2
    assert "scheduler: core.direct is stored, core.slurm was given" in result.output
    assert "verdi computer delete used" in result.output
    InstalledCode(label="any", computer=load("used"), filepath_executable="/bin/sh").store()
    assert "verdi computer relabel used" in setup("used", "--host", "other").output
    assert load("used").scheduler_type == "core.direct"


@pytest.mark.usefixtures("profile")
def test_steps_that_fail_say_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    result = setup("failing", *LOCAL, "--work-dir", str(file / "inside"))
    assert result.exit_code == 1
    assert "FAILED  work dir" in result.output
    assert "--work-dir" in result.output
    # The steps after it are still made.
    assert "ok      scheduler" in result.output


@pytest.mark.usefixtures("profile")
def test_the_files_of_verdi_are_read(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(
        "label: from-yaml\nhostname: login.example.org\ntransport: core.ssh\n"
        "scheduler: core.slurm\nwork_dir: /scratch/{username}/aiida\n"
        "mpirun_command: srun -n {tot_num_mpiprocs}\nmpiprocs_per_machine: 36\n"
        "prepend_text: |\n  module load x\n  module load y\n"
        "port: 2222\nusername: me\nsafe_interval: 30\n"
    )
    result = setup("from-yaml", "--yaml", str(file), "--mpiprocs", "8", "--no-test")
    assert result.exit_code == 0, result.output
    computer = load("from-yaml")
    assert computer.get_mpirun_command() == ["srun", "-n", "{tot_num_mpiprocs}"]
    assert computer.get_default_mpiprocs_per_machine() == 8
    assert computer.get_prepend_text() == "module load x\nmodule load y\n"
    found = computer.get_configuration()
    assert (found["port"], found["username"], found["safe_interval"]) == (2222, "me", 30)
    assert "created" not in setup("from-yaml", "--yaml", str(file), "--no-test").output
    other = setup("other", "--yaml", str(file), "--no-test")
    assert "is for the computer 'from-yaml'" in other.output


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new",), "--host"),
        (("new", "--host", "x"), "--work-dir"),
        (("new", "--host", "-oProxyCommand=touch pwned"), "is not a host"),
        (("new", "--host", "x; touch pwned"), "is not a host"),
        (("new", "--host", "me@x"), "~/.ssh/config"),
        (("new", "--host", "x", "--work-dir", "relative"), "not an absolute path"),
        (("new", "--host", "x", "--work-dir", "/a/{}"), "not an absolute path"),
        (("new", "--host", "x", "--work-dir", "/a/{user}"), "not an absolute path"),
        (("new", "--host", "x", "--work-dir", "/a\nb"), "not an absolute path"),
        (("a@b", "--host", "x"), "cannot be a name"),
        ((" ", "--host", "x"), "cannot be a name"),
        (("new", "--host", "x", "--work-dir", "/w", "--transport", "core.smoke"), "transport"),
        (("new", "--host", "x", "--work-dir", "/w", "--scheduler", "smoke"), "scheduler"),
        (("new", "--host", "x", "--work-dir", "/w", "--mpirun", "srun {x}"), "x"),
        (("new", "--host", "x", "--work-dir", "/w", "--mpirun", "srun {}"), "mpirun"),
        (("new", "--host", "x", "--work-dir", "/w", "--mpirun", "srun '"), "mpirun"),
        (("new", "--host", "x", "--work-dir", "/w", "--connect", "smoke=1"), "no parameter"),
        (("new", "--host", "x", "--work-dir", "/w", "--connect", "backend=smoke"), "backend"),
        (("new", "--host", "x", "--work-dir", "/w", "--connect", "host=-x"), "is not a host"),
        (
            ("new", "--host", "x", "--work-dir", "/w", "--connect", "authentication_script=/a b"),
            "special to a shell",
        ),
        (("new", "--host", "x", "--work-dir", "/w", "--connect", "smoke"), "KEY=VALUE"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_made(
    arguments: tuple[str, ...], said: str
) -> None:
    from aiida.orm import Computer, QueryBuilder

    before = QueryBuilder().append(Computer).count()
    result = setup(*arguments, "--no-test")
    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output
    assert "not expected" not in result.output
    assert QueryBuilder().append(Computer).count() == before


@pytest.mark.usefixtures("profile")
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.text(min_size=1, max_size=12), folder=st.text(max_size=12))
def test_names_and_folders_are_taken_as_they_are_or_refused(name: str, folder: str) -> None:
    """Of whatever is printed as a command, a shell reads the very name."""
    arguments = [*LOCAL, f"--work-dir=/tmp/{folder}", "--no-test", "--", name]
    result = setup(*arguments)
    assert "not expected" not in result.output
    if result.exit_code == 0:
        computer = load(name)
        assert computer.get_workdir() == f"/tmp/{folder}"
        (command,) = [line for line in result.output.split("\n") if line.startswith("Next: ")]
        assert shlex.split(command)[4] == name
        setup("--no-test", *LOCAL, f"--work-dir=/tmp/{folder}", "--", name)
        computer.collection.delete(computer.pk)


@given(st.text())
def test_labels_that_are_taken_can_be_typed(label: str) -> None:
    import click

    try:
        check_label(label)
    except click.ClickException:
        return
    assert label.isprintable()
    assert "@" not in label
    assert label.strip() == label


@given(st.text())
def test_hosts_are_never_options_or_commands(host: str) -> None:
    from pydantic import ValidationError

    try:
        ComputerSettings(hostname=host)
    except ValidationError:
        return
    assert shlex.quote(host) == host
    assert not host.startswith("-")


def test_values_of_the_connection_have_their_types() -> None:
    pairs = read_pairs(("a=1", "b=true", "c=x=y", "d="))
    assert pairs == {"a": 1, "b": True, "c": "x=y", "d": None}


def test_text_for_scripts_comes_from_a_file_or_is_itself(tmp_path: Path) -> None:
    file = tmp_path / "prepend.sh"
    file.write_text("module load x\n")
    assert read_text(str(file)) == "module load x\n"
    assert read_text("module load y\nexport A='1'") == "module load y\nexport A='1'"
    assert read_text("x" * 5000) == "x" * 5000
    assert read_text("a\0b") == "a\0b"
    assert read_text(None) is None
