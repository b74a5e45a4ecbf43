from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.science.environment import list_remote_requirements


def setup(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["setup", *arguments])


def load(label: str) -> Any:
    from aiida.orm import load_code

    return load_code(label)


@pytest.fixture(scope="module")
def place(profile: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A computer that is this machine, with a name that a shell would take apart."""
    label = "a 'quoted\" $(touch pwned) name"
    folder = tmp_path_factory.mktemp("a 'quoted\" $(touch pwned) folder")
    place = ("--transport", "core.local", "--scheduler", "core.direct", "--poll-interval", "1")
    result = setup("computer", label, *place, "--work-dir", str(folder), "--no-test")
    assert result.exit_code == 0, result.output
    return label


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_this_python_has_what_it_needs(place: str) -> None:
    arguments = ("--python", sys.executable, "--stage", "sample", "--label", "mine")
    result = setup("codes", place, *arguments, "--walltime", "900")
    assert result.exit_code == 0, result.output
    assert "created" in result.output
    assert "generator bundled" in result.output
    assert "missing" not in result.output
    code = load(f"mine@{place}")
    assert code.default_calc_job_plugin == "pythonjob.pythonjob"
    check = code.base.links.get_outgoing().all_nodes()[-1]
    assert check.process_type == "aiida.calculations:hpaint.check"
    assert check.get_option("max_wallclock_seconds") == 900
    assert check.get_option("environment_variables")["OMP_NUM_THREADS"] == "1"
    again = setup("check", str(check.pk))
    assert again.exit_code == 0
    assert "generator bundled" in again.output


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_what_is_missing_ends_in_an_error_and_a_command(place: str) -> None:
    python = ("--python", sys.executable, "--label", "mine", "--stage", "relax")
    result = setup("codes", place, *python, "--potential", "mace=/no/such.model")
    assert result.exit_code == 1
    assert "mace-torch" in result.output
    assert f"{sys.executable} -m pip install mace-torch" in result.output.replace("\n", "")
    assert "/no/such.model" in result.output


def test_codes_are_kept_and_never_changed(place: str, tmp_path: Path) -> None:
    from aiida.orm import InstalledCode, QueryBuilder

    first = setup("codes", place, "--pw", "/opt/pw.x", "--pp", "/opt/pp.x", "--no-check")
    assert first.exit_code == 0, first.output
    assert load(f"pw@{place}").default_calc_job_plugin == "quantumespresso.pw"
    assert load(f"pp@{place}").default_calc_job_plugin == "quantumespresso.pp"
    before = QueryBuilder().append(InstalledCode).count()
    again = setup("codes", place, "--pw", "/opt/pw.x", "--no-check")
    assert again.exit_code == 0
    assert "created" not in again.output
    other = setup("codes", place, "--pw", "/opt/7.5/pw.x", "--no-check")
    assert other.exit_code == 2
    assert "'/opt/pw.x' is stored, '/opt/7.5/pw.x' was given" in other.output
    assert QueryBuilder().append(InstalledCode).count() == before


@pytest.mark.slow
def test_programs_of_a_container_run_through_its_engine(place: str, tmp_path: Path) -> None:
    from aiida.engine import run_get_node
    from failing_code import BRUCITE, QUICK

    from aiida_hpaint.workflows.chains.restore import RestoreWorkChain
    from aiida_hpaint.workflows.engine.codes import runs_on_this_machine, runs_this_python

    engine, log = tmp_path / "engine", tmp_path / "log"
    # The image of this engine is the machine itself.
    engine.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\ntest "$1" = hpaint.sif || exit 9\nshift\nexec "$@"\n'
    )
    engine.chmod(0o755)
    boxed = ("--container", "hpaint.sif", "--engine-command", f"{engine} {{image_name}}")
    python = ("codes", "localhost", "--python", sys.executable, "--label", "boxed", "--no-check")
    made = setup(*python, *boxed)
    assert made.exit_code == 0, made.output
    assert f"boxed@localhost ({sys.executable} in hpaint.sif), created" in made.output
    assert "created" not in setup(*python, *boxed).output
    plain = setup(*python)
    assert plain.exit_code != 0
    assert "container: 'hpaint.sif' is stored, 'none' was given" in plain.output
    code = load("boxed@localhost")
    assert not runs_on_this_machine(code)
    assert not runs_this_python(code)
    _, node = run_get_node(
        RestoreWorkChain.get_builder_from_protocol(code, BRUCITE, overrides=QUICK, add="H:2")
    )
    assert node.is_finished_ok, node.exit_message
    assert log.read_text() == f"hpaint.sif {sys.executable}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine-command", "docker run"], "needs --container IMAGE"),
        (["--container", "a", "--engine-command", "docker run a"], "write {image_name} where"),
        (["--container", "a", "--engine-command", "docker -v $PWD {image_name}"], "leave out $"),
        (["--container", "a", "--engine-command", "run -v {pwd} {image_name}"], "other braces"),
    ],
)
def test_engines_that_cannot_work_are_refused(
    arguments: list[str], message: str, place: str
) -> None:
    result = setup("codes", place, "--python", "python3", "--no-check", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_prepended_text_comes_from_a_file(place: str, tmp_path: Path) -> None:
    file = tmp_path / "modules"
    file.write_text("module load x\n")
    labels = ("--label", "modules", "--no-check", "--prepend", str(file))
    assert setup("codes", place, "--pw", "/opt/pw.x", *labels).exit_code == 0
    assert load(f"modules-pw@{place}").prepend_text == "module load x\n"


def test_options_are_remembered(place: str) -> None:
    from aiida_hpaint.workflows.engine.options import complete_job_options, get_saved_options

    python = ("--python", "/opt/python", "--label", "options", "--no-check")
    flags = ("--queue", "gpu", "--account", "mat1", "--options", "qos: high\nmax_memory_kb: 1000")
    result = setup("codes", place, *python, *flags)
    assert result.exit_code == 0, result.output
    code = load(f"options@{place}")
    wanted = {"queue_name": "gpu", "account": "mat1", "qos": "high", "max_memory_kb": 1000}
    assert get_saved_options(code) == wanted
    assert setup("codes", place, *python).exit_code == 0
    assert get_saved_options(code) == wanted
    jobs = complete_job_options("sample", {"queue_name": "long"}, code)
    assert (jobs["queue_name"], jobs["qos"], jobs["withmpi"]) == ("long", "high", False)


def test_gpus_are_asked_for_as_slurm_wants_it(profile: Any) -> None:
    from aiida_hpaint.workflows.engine.options import get_saved_options

    arguments = ("gpus", "--host", "gpu", "--work-dir", "/work/{username}", "--no-test")
    assert setup("computer", *arguments).exit_code == 0
    python = ("codes", "gpus", "--python", "/opt/python", "--no-check", "--gpus", "2")
    result = setup(*python, "--options", "custom_scheduler_commands: '#SBATCH --constraint=a100'")
    assert result.exit_code == 0, result.output
    assert get_saved_options(load("python@gpus"))["custom_scheduler_commands"] == (
        "#SBATCH --constraint=a100\n#SBATCH --gres=gpu:2"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--python, --pw or --pp"),
        (("--python", "bin/python"), "write an absolute path on"),
        (("--python", "~/bin/python"), "write an absolute path on"),
        (("--python", "/a\nb"), "write an absolute path on"),
        (("--python", "/opt/python", "--pw", "pw.x"), "--pw pw.x: write an absolute path on"),
        (("--python", "/opt/python", "--label", "a@b"), "cannot be a name"),
        (("--python", "/opt/python", "--gpus", "1"), "differs from site to site"),
        (("--python", "/opt/python", "--options", "queu_name: x"), "did you mean queue_name"),
        (("--python", "/opt/python", "--options", "- x"), "keys and values"),
        (("--python", "/opt/python", "--options", "a: ["), "not YAML"),
        (("--python", "/opt/python", "--options", "max_wallclock_seconds: 1h"), "max_wallclock"),
        (("--python", "/opt/python", "--options", "resources: {cores: 3}"), "resources"),
        (("--python", "/opt/python", "--potential", "smoke"), "unknown potential 'smoke'"),
        (("--python", "/opt/python", "--potential", "nequip"), "needs its file"),
    ],
)
def test_what_is_wrong_is_refused_before_a_code_is_made(
    place: str, arguments: tuple[str, ...], said: str
) -> None:
    from aiida.orm import InstalledCode, QueryBuilder

    before = QueryBuilder().append(InstalledCode).count()
    result = setup("codes", place, "--no-check", *arguments)
    assert result.exit_code != 0
    assert said in result.output
    assert "not expected" not in result.output
    assert QueryBuilder().append(InstalledCode).count() == before


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_a_python_that_is_not_there_makes_no_code(place: str) -> None:
    result = setup("codes", place, "--python", "/nowhere/bin/python", "--label", "nowhere")
    assert result.exit_code == 1
    assert "does not exist" in result.output
    assert "nowhere@" not in setup("check", f"nowhere@{place}").output.partition("Error")[0]


@pytest.mark.usefixtures("profile")
def test_computers_and_checks_that_are_not_there() -> None:
    assert "aiida-hpaint setup computer 'no one'" in setup("codes", "no one", "--pw", "/x").output
    assert "there is no node 999999" in setup("check", "999999").output
    assert "no@where" in setup("check", "no@where").output


def test_requirements_are_printed_as_pip_takes_them() -> None:
    printed = setup("requirements", "--stage", "sample").output.splitlines()
    assert printed == list_remote_requirements(("sampling",))


def test_what_other_machines_say_does_nothing_to_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from types import SimpleNamespace

    from aiida_hpaint.cli.setup import remote_check
    from aiida_hpaint.science.environment.findings import Finding

    evil = "\x1b[2J\x07[bold]x[/bold]\nnext"
    found = Finding("torch", evil, evil, "broken", remedy=evil)
    monkeypatch.setattr(remote_check, "read_findings", lambda node: ([found], [evil]))
    code = SimpleNamespace(full_label="a@b", computer=SimpleNamespace(label="b"))
    node: Any = SimpleNamespace(pk=1, inputs=SimpleNamespace(code=code))
    assert not remote_check.show_check(node)
    printed = capsys.readouterr().out
    assert "\x1b[2J" not in printed
    assert "\x07" not in printed
    assert "[bold]" in printed


def test_what_an_image_lacks_belongs_in_another_build_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from types import SimpleNamespace

    from aiida_hpaint.cli.setup import containers, remote_check
    from aiida_hpaint.science.environment.findings import Finding

    found = Finding("torch", "", "any", "missing")
    monkeypatch.setattr(remote_check, "read_findings", lambda node: ([found], ["install torch"]))
    monkeypatch.setattr(containers, "describe_container", lambda code: {"container": "box.sif"})
    code = SimpleNamespace(full_label="a@b", computer=SimpleNamespace(label="b"))
    assert not remote_check.show_check(SimpleNamespace(pk=1, inputs=SimpleNamespace(code=code)))  # type: ignore[arg-type]
    assert "What to do in a new build of the image box.sif:" in capsys.readouterr().out
