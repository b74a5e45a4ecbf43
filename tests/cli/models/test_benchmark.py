from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aiida_hpaint.cli.main import main

REFERENCES = Path(__file__).parents[3] / "examples" / "references"
BRUCITE = str(REFERENCES / "brucite.cif")


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["benchmark", "--output", str(folder), *arguments])


def test_a_benchmark_ends_in_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "aiida_hpaint.science.benchmark.write_report", lambda folder: folder / "report.html"
    )
    quick = ["--protocol", "fast", "--samples", "2", "--processes", "1"]
    arguments = [BRUCITE, *quick, "--set", "sampling.steps=10"]
    result = run(tmp_path, *arguments)
    assert result.exit_code == 0, result.output
    assert "hosts: 1/1" in result.output
    assert "Lower energy or match (LES)" in result.output
    assert (tmp_path / "summary.json").exists()
    assert (tmp_path / "samples.csv").exists()
    assert f"Report: {tmp_path / 'report.html'}" in result.output
    result = run(tmp_path, *arguments, "--seed", "1")
    assert result.exit_code == 2
    assert "settings.sampling.seed: 0 in the folder, 1 requested" in result.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--compare", "random,bundled", "--generator", "random"], "leave out --generator"),
        (["--compare", "random"], "two names or more"),
        (["--potentials", "all", "--unrelaxed"], "leave out --unrelaxed"),
        (["--potentials", "nonsense"], "unknown potential 'nonsense'"),
        (["--submit", "--potentials", "all"], "cannot be combined with --output, --potentials"),
        (["--code", "python@cluster"], "are for --submit"),
        (["--show", "1"], "no references"),
        (["--element", "Cs"], "no structure of 1 has Cs"),
        (["--half", "tune"], "no structure in the half 'tune' of 1"),
        (["--set", "keeps=3"], "did you mean keep?"),
        (["--protocol", "slow"], "there is no protocol 'slow'"),
        (["--generator", "nothing.safetensors"], "nothing.safetensors"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: list[str], expected: str) -> None:
    result = run(tmp_path, BRUCITE, *arguments)
    assert result.exit_code == 2
    assert expected in result.output
    assert "not expected" not in result.output
    assert not list(tmp_path.iterdir())
