from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.cli.console import print_table
from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.restore.count import make_counting_settings
from aiida_hpaint.cli.restore.count_report import (
    describe_counts,
    describe_rows,
    make_counts_table,
    refuse_another_host,
)

HOST = Path(__file__).parents[3] / "examples" / "hosts" / "brucite.cif"
FLAGS = dict.fromkeys(
    ("protocol", "samples", "seed", "generator", "potential", "element", "disorder")
)
ROW = {
    "count": 2,
    "score": 0.9,
    "weight_energy": 1.0,
    "weight_charge": None,
    "weight_valence": None,
    "energy": -27.0,
    "step": -3.0,
    "formation_energy": -1.0,
    "above_hull": 0.01,
    "decomposition": {"MgO rocksalt": 1.0},
    "window": [None, 0.5],
    "states": None,
    "note": "",
}


def test_flags_become_settings() -> None:
    flags = {
        **FLAGS,
        "samples": 3,
        "n_max": 5,
        "mu": (0.0, -1.0),
        "set_": ("error_rates.charge=0.1",),
    }
    settings = make_counting_settings(flags)
    assert settings.n_max == 5
    assert settings.restoration.sampling.samples == 3
    assert settings.restoration.relax_all.moving == "all"
    assert settings.chemical_potential == (-1.0, 0.0)
    assert settings.error_rates.charge == 0.1


def test_wrong_settings_are_named() -> None:
    flags = {**FLAGS, "n_max": 0, "mu": (), "set_": ()}
    with pytest.raises(ValueError, match="n_max: input should be greater than or equal to 1"):
        make_counting_settings(flags)
    for wrong, meant in (
        ("error_rates.charg=1", "error_rates.charge"),
        ("sampling.cell=free", "restoration.sampling"),
        ("restoration.samples=2", "restoration.sampling.samples"),
    ):
        with pytest.raises(ValueError, match=f"did you mean {meant}?"):
            make_counting_settings({**flags, "n_max": None, "set_": (wrong,)})


def test_errors_reach_the_user_in_words() -> None:
    result = CliRunner().invoke(main, ["count", str(HOST), "--no-aiida", "--element", "Q"])
    assert result.exit_code == 2
    assert "there is no element 'Q'" in result.output
    result = CliRunner().invoke(main, ["count", str(HOST), "--no-aiida", "--upload-potential"])
    assert result.exit_code == 2
    assert "--upload-potential is for jobs of AiiDA: leave it out, or --no-aiida" in result.output
    result = CliRunner().invoke(main, ["count", str(HOST), "--no-aiida", "--max", "0"])
    assert "'--max': 0 is not in the range x>=1" in result.output


def test_the_table_and_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    ranked = {**ROW, "count": 1, "window": [-1.0, -0.5], "decomposition": None}
    said = {"states": "Mg +2, O -2, H +1", "note": "not relaxed"}
    found = {
        "host": "brucite",
        "element": "H",
        "best": 2,
        "margin": 0.8,
        "contradiction": "the criteria disagree: energy suggests 2, charge suggests 1",
        "note": "no phase of O was relaxed: energies are left out",
        "counts": [ROW, {**ranked, "weight_charge": 0.5, "weight_valence": 0.25, **said}],
    }
    print_table(make_counts_table(found))
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 5
    assert max(map(len, shown)) <= 80
    row = "1 0.900 1.00 0.50 0.25 0.010 -3.00 -1.00 to -0.50"
    assert " ".join(shown[-1].split()) == row
    assert describe_rows(found) == [
        "2 H: decomposes to MgO rocksalt",
        "1 H: Mg +2, O -2, H +1; not relaxed",
    ]
    conclusion = describe_counts(found)
    assert conclusion.startswith("2 H missing (margin of the score: 0.800).")
    assert "charge suggests 1" in conclusion
    assert "energies are left out" in conclusion
    assert "try more" in conclusion
    assert describe_counts({**found, "best": 0}).startswith("No H is missing")


def test_counts_of_two_hosts_have_two_folders(tmp_path: Path) -> None:
    refuse_another_host("brucite", tmp_path)
    (tmp_path / "counts.json").write_text('{"host": "gypsum"}')
    refuse_another_host("gypsum", tmp_path)
    with pytest.raises(CommandError, match="has the count of gypsum: choose another folder"):
        refuse_another_host("brucite", tmp_path)
