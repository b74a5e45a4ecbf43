"""The benchmark of records finds the H that it takes out of complete structures."""

from __future__ import annotations

from pathlib import Path

import pytest
import records

ROOT = Path(__file__).parents[2]


def test_h_that_was_taken_out_comes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ROOT / "examples" / "references"
    monkeypatch.setattr("sys.argv", ["records.py", str(folder), "--remove-h"])
    records.main()
    output = capsys.readouterr().out
    assert "number wrong" not in output
    assert "sites wrong" not in output
    assert f"| missing H | {len(list(folder.glob('*.cif')))} | 100.0 |" in output
