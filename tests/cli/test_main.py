from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gemmi import cif

from aiida_hpaint import __version__
from aiida_hpaint.cli import main
from aiida_hpaint.cli.commands import list_subcommands
from aiida_hpaint.science.structures import read_hosts

HOSTS = Path(__file__).parents[2] / "examples" / "hosts"
BRUCITE = str(HOSTS / "brucite.cif")
QUICK = ["--generator", "random", "--samples", "2", "--set", "relax_all.max_steps=0"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_help_teaches_by_example() -> None:
    assert "aiida-hpaint restore host.cif" in run("--help").output
    for command in list_subcommands(main):
        assert "Examples:" in run(command, "--help").output or command == "models"
    assert __version__ in run("--version").output


def test_models_are_listed() -> None:
    output = run("models", "list").output
    for name in ("bundled", "random", "sevennet-0", "mace"):
        assert name in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.cif"], "no.cif: there is no such file"),
        ([BRUCITE, "--add", "H=2"], "cannot read 'H=2' in 'H=2': write element:count"),
        ([BRUCITE, "--add", "H:0"], "brucite: there are no sites to add"),
        ([BRUCITE, "--add", "H:900"], "contradicts its file"),
        ([BRUCITE, "--add", "Qq:1"], "Qq"),
        ([BRUCITE, "--protocol", "quick"], "no protocol 'quick': choose from fast, balanced"),
        ([BRUCITE, "--samples", "0"], "'--samples': 0 is not in the range x>=1"),
        ([BRUCITE, "--set", "samples=5"], "no setting samples: did you mean sampling.samples?"),
        ([BRUCITE, "--set", "sampling.samples=0"], "setting sampling.samples: "),
        ([BRUCITE, "--set", "relax_al.fmax=1"], "no setting relax_al: did you mean relax_all?"),
        ([BRUCITE, "--set", "keep"], "--set keep: write key=value"),
        ([BRUCITE, "--potential", "dft"], "potential 'dft'"),
        ([BRUCITE, "--generator", "best"], "'best'"),
        ([BRUCITE, "--generator", "random", "--record"], "the generator random has no trajectory"),
        ([BRUCITE, "--scheme", "none"], "'none' is not one of 'td', 'pos-only'"),
        ([BRUCITE, "--set", "sampling.scheme=none"], "setting sampling.scheme: "),
        ([BRUCITE, "--steps", "1"], "1 is not in the range x>=2"),
    ],
)
@pytest.mark.parametrize("where", [["--no-aiida"], []])
@pytest.mark.usefixtures("profile")
def test_what_is_wrong_is_said_before_anything_starts(
    arguments: list[str], message: str, where: list[str], tmp_path: Path
) -> None:
    result = run("restore", *arguments, *where, "--output", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_all_problems_of_all_hosts_are_told(tmp_path: Path) -> None:
    half = tmp_path / "half.cif"
    half.write_text(Path(BRUCITE).read_text("utf-8").replace("0.2203 1", "0.2203 0.5"), "utf-8")
    result = run("restore", str(half), "no.cif", BRUCITE, "--no-aiida")
    assert result.exit_code == 2
    assert "half" in result.output
    assert "no.cif: there is no such file" in result.output
    assert "--skip-bad" in result.output


def test_debug_shows_the_traceback() -> None:
    result = run("--debug", "restore", BRUCITE, "--protocol", "quick", "--no-aiida")
    assert isinstance(result.exception, ValueError)


@pytest.mark.slow
def test_a_restoration_without_aiida(tmp_path: Path) -> None:
    arguments = ["--no-aiida", "--set", "relax_inserted.max_steps=2", "--output", str(tmp_path)]
    plain = ["--set", "symmetry={symmetrised: false, wyckoff: 0}", "--set", "score=null"]
    plain += ["--set", "search=null", "--set", "checks=null"]  # relaxations end early
    result = run("restore", BRUCITE, "no.cif", "--skip-bad", *QUICK, *plain, *arguments)
    assert result.exit_code == 0, result.output
    assert "Left out: no.cif" in result.output
    restored = read_hosts(tmp_path / "brucite.cif")
    assert restored.numbers.tolist() == [12, 8, 8, 1, 1]
    block = cif.read(str(tmp_path / "brucite.cif")).sole_block()
    sites = [(row[0], row[1]) for row in block.find("_atom_site_", ["type_symbol", "calc_flag"])]
    assert set(sites[-2:]) <= {("H", "c"), ("O", "d")}
    assert (tmp_path / "brucite_relaxed.cif").is_file()
    assert len((tmp_path / "samples.csv").read_text("utf-8").splitlines()) == 3
    assert (tmp_path / "candidates.extxyz").is_file()
