"""The benchmark of round trips finds that published crystals come back, and what is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import round_trip

FILES = Path(__file__).parents[1] / "science" / "structures" / "writing" / "files"


def test_published_crystals_come_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["round_trip.py", str(FILES)])
    round_trip.main()
    count = len(list(FILES.glob("*.cif")))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [f"| {name} | {count} of {count} |" for name in round_trip.CHECKS]


def test_what_is_lost_is_found(tmp_path: Path) -> None:
    trip = round_trip.put_hydrogen_back(FILES / "Brucite_07912.cif", tmp_path)
    lost = replace(trip, text=trip.text.replace("_journal_year", "_journal_issue"))
    assert round_trip.check_metadata(lost) == "_journal_year"
    moved = replace(trip, text=trip.text.replace("O  0.33333 0.66667", "O  0.43333 0.66667"))
    assert round_trip.check_labels(moved) == "O"
    assert round_trip.check_gemmi(moved)
