"""The exit status: 2 if a command is wrong, 1 if it runs and does not succeed, 0 if it succeeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.cli.commands import list_subcommands

ROOT = Path(__file__).parents[2]
BRUCITE = str(ROOT / "examples" / "hosts" / "brucite.cif")
FULL = str(ROOT / "examples" / "references" / "brucite.cif")
DEMO = str(ROOT / "examples")
CARD = str(ROOT / "pyproject.toml")
FOLDER = str(Path(__file__).parent)  # without a benchmark
"""A file that is none of those that commands read."""

RESTORATION: dict[str, str | None] = {
    "--protocol": "quick",
    "--samples": "0",
    "--candidates": "0",
    "--seed": "one",
    "--generator": "nowhere",
    "--scheme": "none",
    "--steps": "1",
    "--potential": "nothing",
    "--validate": "qe",
    "--rank": "dft-top:0",
    "--start-from": "valleys",
    "--dft-protocol": "quick",
    "--set": "keeps=2",
    "--code": "no@where",
    "--dft-code": "no@where",
    "--jobs": "0",
}
CHANGED: dict[str, str | None] = {"--replace": "Xx", "--dilute": "0"}
READING: dict[str, str | None] = {
    "--add": "H=2",
    "--budget": "O1",
    "--trust": "nobody",
    "--disorder": "ordered:0",
}
WORKLOAD: dict[str, str | None] = {"--stage": "all", "--generator": None, "--potential": "nothing"}
JOB: dict[str, str | None] = {
    "--queue": None,
    "--account": None,
    "--walltime": "1",
    "--gpus": "-1",
    "--options": "[",
}

WRONG: dict[str, tuple[list[str], dict[str, str | None]]] = {
    "setup potential": (
        ["sevennet-0"],
        {
            "NAME": "nothing",
            "--sha256": "00",
            "--file": CARD,
            "--compile": "no@where",
            "--device": "tpu",
        },
    ),
    "setup dft": ([], {"--pw": CARD, "--pp": CARD, "--pseudos": CARD, "--cutoff": "0"}),
    "setup computer": (
        ["new"],
        {
            "NAME": "a@b",
            "--host": None,
            "--work-dir": "relative",
            "--transport": "core.pigeon",
            "--scheduler": "core.none",
            "--mpirun": "srun '",
            "--mpiprocs": "0",
            "--prepend": None,
            "--append": None,
            "--safe-interval": "-1",
            "--poll-interval": "-1",
            "--connect": "port",
            "--yaml": "no.yaml",
        },
    ),
    "setup codes": (
        ["localhost", "--python", "/usr/bin/python3"],
        {
            "COMPUTER": "nowhere",
            "--python": "python3",
            "--pw": "pw.x",
            "--pp": "pp.x",
            "--container": "two words",
            "--engine-command": "docker run",
            "--label": None,
            "--prepend": None,
            **JOB,
            **WORKLOAD,
        },
    ),
    "setup check": (["python@localhost"], {"WHAT...": "no@where", **JOB, **WORKLOAD}),
    "setup requirements": ([], WORKLOAD),
    "inspect": ([BRUCITE], {"FILES...": "no.cif", **READING}),
    "restore": (
        [BRUCITE],
        {
            "FILES...": "no.cif",
            **READING,
            **CHANGED,
            **RESTORATION,
            "--output": CARD,
            "--format": "pdf",
            "--report": "html",
        },
    ),
    "find": (
        [BRUCITE],
        {
            "SOURCES...": "nowhere",
            "--max-sites": "0",
            "--elements": "Xx",
            "--filter": None,
            "--where": "exit_status",
            "--disorder": "ordered:0",
            "--trust": "add",
            "--output": DEMO,
            "--processes": "0",
        },
    ),
    "submit": (
        [BRUCITE],
        {
            "[FILES...]": "no.cif",
            **READING,
            **CHANGED,
            **RESTORATION,
            "--campaign": None,
            "--group": "nobody",
            "--archive": "no.aiida",
            "--where": "exit_status=430",
            "--max-jobs": "0",
            "--chunk-sites": "0",
            "--again": "sometimes",
        },
    ),
    "status": ([], {"[NAME|PK]": "999999"}),
    "results": (
        ["999999"],
        {"NAME|PK": "nobody", "--output": CARD, "--format": "pdf", "--report": "html"},
    ),
    "pick": (["999999"], {"NAME|PK": "nobody", "[HOST...]": None, "--group": None}),
    "mark": ([], {"NAME|PK": "nobody"}),
    "provenance": (["1"], {"PK": "nobody", "--graph": "picture.png"}),
    "count": (
        [BRUCITE],
        {
            "HOST": "no.cif",
            "--element": "Xx",
            "--max": "0",
            "--phases": "no.cif",
            "--mu": "high",
            "--disorder": "ordered:0",
            "--protocol": "quick",
            "--samples": "0",
            "--seed": "one",
            "--generator": "nowhere",
            "--potential": "nothing",
            "--set": "keeps=2",
            "--code": "no@where",
            "--output": CARD,
        },
    ),
    "validate": (
        [FULL],
        {
            "PK|FILES...": "no.cif",
            "--references": "no.cif",
            "--protocol": "quick",
            "--candidates": "0",
            "--set": "margins=2",
            "--code": "no@where",
            "--processes": "0",
            "--walltime": "1",
            "--output": CARD,
            "--show": "nobody",
        },
    ),
    "restore-hydrogen": (
        [BRUCITE],
        {
            "FILES...": "no.cif",
            **READING,
            **CHANGED,
            "--protocol": "quick",
            "--set": "pinball.keeps=2",
            "--pw": "no@where",
            "--pp": "no@where",
            "--processes": "0",
            "--walltime": "1",
            "--output": CARD,
        },
    ),
    "trajectory plot": (
        [CARD, "--output", "x.png"],
        {
            "SOURCE": "no.npz",
            "--output": "x.docx",
            "--host": None,
            "--sample": "-1",
            "--reference": "no.cif",
        },
    ),
    "trajectory animate": (
        [CARD, "--output", "x.gif"],
        {"SOURCE": "no.npz", "--output": "x.mp4", "--host": None, "--sample": "-1", "--fps": "0"},
    ),
    "trajectory export": (
        [CARD, "--output", "x.xyz"],
        {"SOURCE": "no.npz", "--output": DEMO, "--host": None, "--sample": "-1"},
    ),
    "export": (
        ["--output", "out"],
        {
            "PK|GROUP...": "nobody",
            "--output": DEMO,
            "--check": "no.aiida",
            "--licence": None,
            "--title": None,
            "--author": None,
            "--description": None,
            "--keyword": None,
            "--reference": None,
        },
    ),
    "models list": ([], {}),
    "models fetch": (
        [],
        {"NAME": "nothing", "--revision": None, "--sha256": None, "--file": CARD},
    ),
    "models convert": (
        [CARD],
        {
            "CHECKPOINT": "no.ckpt",
            "--config": "no.yaml",
            "--name": None,
            "--output": None,
            "--architecture": "none",
            "--licence": None,
        },
    ),
    "models show": ([], {"MODEL": "nothing"}),
    "exchange": ([], {"CONFIG": CARD}),
    "train": (
        [CARD],
        {
            "CONFIG": "no.yaml",
            "--resume": "no.ckpt",
            "--max-seconds": "-1",
            "--code": "no@where",
            "--walltime": "0",
        },
    ),
    "benchmark": (
        [FULL, "--output", "out"],
        {
            "[REFERENCES]...": "no.cif",
            "--output": CARD,
            "--element": "Xx",
            "--generator": "nowhere",
            "--compare": "random",
            "--protocol": "quick",
            "--potential": "nothing",
            "--samples": "0",
            "--seed": "one",
            "--set": "keeps=2",
            "--potentials": "nothing",
            "--half": "best",
            "--limit": "0",
            "--max-sites": "0",
            "--min-sites": "0",
            "--processes": "0",
            "--code": "no@where",
            "--show": "nobody",
        },
    ),
    "analyse sampling": (
        [FOLDER],
        {"FOLDERS...": "nowhere", "--against": "sampling.stops", "--output": CARD},
    ),
    "analyse potentials": (
        [FOLDER],
        {
            "FOLDERS...": "nowhere",
            "--energies": "DFT=no.csv",
            "--against": "nothing",
            "--output": CARD,
        },
    ),
    "analyse distances": ([FOLDER], {"FOLDERS...": "nowhere", "--output": CARD}),
    "analyse similarity": (
        [FOLDER, "--training", CARD],
        {
            "FOLDERS...": "nowhere",
            "--training": "no.npz",
            "--references": "no.cif",
            "--output": CARD,
        },
    ),
    "analyse failures": ([FOLDER], {"SOURCES...": "nowhere", "--output": CARD}),
    "powder": (
        [FULL],
        {
            "FILES...": "no.cif",
            "--radiation": "light",
            "--wavelength": "0",
            "--measured": "no.xy",
            "--range": "90",
            "--width": "0",
            "--output": DEMO,
        },
    ),
    "audit": (
        [FULL, "--restore"],
        {
            "FILES...": "no.cif",
            "--protocol": "quick",
            "--potential": "nothing",
            "--set": "keeps=2",
        },
    ),
    "demo": ([DEMO], {"FOLDER": "nowhere", **RESTORATION, "--output": CARD}),
}
"""Arguments of each command, and a wrong value for each of its parameters; None: none is wrong."""


def list_commands(command: click.Command, names: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, one in list_subcommands(command).items():
            yield from list_commands(one, (*names, name))
    else:
        yield " ".join(names)


def find_command(name: str) -> click.Command:
    command: click.Command = main
    for word in name.split():
        assert isinstance(command, click.Group)
        command = list_subcommands(command)[word]
    return command


def name_parameters(command: click.Command) -> set[str]:
    context = click.Context(command)
    return {
        one.opts[-1] if isinstance(one, click.Option) else one.make_metavar(context)
        for one in command.params
        if not (isinstance(one, click.Option) and one.is_flag)
    }


def run(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*command.split(), *arguments])


def test_a_wrong_value_is_known_for_each_parameter() -> None:
    assert set(WRONG) == set(list_commands(main))
    for name, (_, wrong) in WRONG.items():
        assert set(wrong) == name_parameters(find_command(name)), name


@pytest.mark.parametrize(
    ("command", "parameter"),
    [
        (command, parameter)
        for command, (_, wrong) in WRONG.items()
        for parameter, value in wrong.items()
        if value is not None
    ],
)
@pytest.mark.usefixtures("profile")
def test_a_wrong_value_has_status_2(
    command: str, parameter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given, wrong = WRONG[command]
    value = wrong[parameter]
    assert value is not None
    if parameter.startswith("--"):
        arguments = [*given, parameter, value]
    else:
        arguments = [value, *given[1:]] if parameter in ("NAME", "COMPUTER", "SOURCE") else [value]
    result = run(command, *arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert "not expected" not in result.output
    assert list(tmp_path.iterdir()) == []
