from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.settings.default_potential import choose_default_potential


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def set_up(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["setup", "potential", *arguments])


def test_what_was_set_up_is_the_default_everywhere() -> None:
    assert PotentialSettings().name == "sevennet-0"
    choose_default_potential("nequip-oam-l")
    assert PotentialSettings().name == "nequip-oam-l"
    assert load_protocol("fast").potential.name == "nequip-oam-l"
    assert load_protocol("fast", {"potential": {"device": "cpu"}}).potential.name == "nequip-oam-l"
    listed = CliRunner().invoke(main, ["models", "list"]).output
    assert "nequip-oam-l (default)" in listed
    choose_default_potential("sevennet-0")
    assert PotentialSettings().name == "sevennet-0"


def test_a_potential_that_is_loaded_becomes_the_default() -> None:
    pytest.importorskip("sevenn")
    result = set_up("sevennet-mf-0")
    assert result.exit_code == 0, result.output
    assert "Loaded by sevenn" in result.output
    assert PotentialSettings().name == "sevennet-mf-0"
    assert "Default potential: sevennet-0" in set_up("sevennet-0").output
    assert PotentialSettings().name == "sevennet-0"


def test_a_file_that_is_no_potential_does_not_become_the_default(tmp_path: Path) -> None:
    pytest.importorskip("nequip")
    (tmp_path / "file").write_bytes(b"no package")
    result = set_up("nequip-oam-l", "--file", str(tmp_path / "file"))
    assert result.exit_code != 0
    assert "licence" in result.output
    assert "cannot load nequip-oam-l.nequip.zip" in result.output
    assert PotentialSettings().name == "sevennet-0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nequip",), "reads files of your own"),
        (("sevennet-0", "--sha256", "0" * 64), "are for published potentials"),
        (("nequip-oam",), "did you mean nequip-oam-"),
        (("nequip-oam-l", "--file", "nowhere"), "cannot read nowhere"),
    ],
)
def test_wrong_requests(arguments: tuple[str, ...], message: str) -> None:
    result = set_up(*arguments)
    assert result.exit_code != 0
    assert message in result.output
