from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.science.audit import Alert
from aiida_hpaint.science.structures import StructureBatch

REFERENCES = Path(__file__).parents[3] / "examples" / "references"


def test_a_structure_that_fails_costs_nothing_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def audit_by_restoring(structure: StructureBatch, *_: Any) -> list[Alert]:
        if "brucite" in structure.labels[0]:
            raise ArithmeticError("brucite")
        return [Alert("G", "restored as published", "")]

    monkeypatch.setattr("aiida_hpaint.science.audit.audit_by_restoring", audit_by_restoring)
    monkeypatch.setattr("aiida_hpaint.science.preflight.check_tools", lambda *_: None)
    files = [str(REFERENCES / f"{name}.cif") for name in ("brucite", "lithium_hydroxide")]
    result = CliRunner().invoke(main, ["audit", *files, "--restore", "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout[result.stdout.index("{") :])
    alerts = [[(alert["level"], alert["name"]) for alert in alerts] for alerts in found.values()]
    assert ("A", "not restored") in alerts[0]
    assert ("G", "restored as published") in alerts[1]
