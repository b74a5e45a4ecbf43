from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.cli.restore.request import RestorationRequest, load_settings, read_request
from aiida_hpaint.science.protocols.dft import load_dft_protocol, load_validation
from aiida_hpaint.science.settings import ValidationSettings


def validation(**flags: Any) -> ValidationSettings | None:
    return load_settings(read_request(["host.cif"], flags)).validation


def test_without_a_flag_nothing_is_validated() -> None:
    assert validation() is None


def test_validate_takes_the_lowest_with_the_default_protocol() -> None:
    assert validation(validate="dft") == load_validation()
    paper = validation(validate="dft", dft_protocol="paper")
    assert paper is not None
    assert paper.dft == load_dft_protocol("paper")


def test_rank_takes_all_or_the_lowest() -> None:
    everything, three = validation(rank="dft"), validation(rank="dft-top:3")
    assert everything is not None
    assert everything.candidates is None
    assert three is not None
    assert three.candidates == 3


def test_set_wins_over_the_protocol() -> None:
    found = validation(
        validate="dft",
        dft_protocol="fast",
        set_=("validation.dft.cutoff_wfc=44", "validation.margin=0.1"),
    )
    assert found == load_validation("fast", {"dft": {"cutoff_wfc": 44}, "margin": 0.1})


def test_a_campaign_may_ask_for_it(tmp_path: Path) -> None:
    path = tmp_path / "restore.yaml"
    path.write_text(
        "hosts: [host.cif]\ndft_protocol: fast\nsettings: {validation: {candidates: 2}}\n"
        "code: {sample: a, relax: b}\noptions: {dft: {max_wallclock_seconds: 60}}\n"
    )
    campaign = read_request([str(path)], {"dft_code": "pw@cluster"})
    assert load_settings(campaign).validation == load_validation("fast", {"candidates": 2})
    assert campaign.code == {"sample": "a", "relax": "b", "dft": "pw@cluster"}


@pytest.mark.parametrize(
    ("code", "wanted"),
    [(None, {"dft": "pw"}), ("py", {"sample": "py", "relax": "py", "dft": "pw"})],
)
def test_the_code_of_pw_stands_beside_that_of_python(code: str | None, wanted: Any) -> None:
    assert read_request(["host.cif"], {"code": code, "dft_code": "pw"}).code == wanted


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"rank": "dft-top"}, "--rank dft-top: there is dft, and dft-top:N"),
        ({"rank": "dft-top:0"}, "--rank dft-top:0"),
        ({"dft_protocol": "paper"}, "a protocol of DFT is for --validate dft or --rank dft"),
        ({"validate": "dft", "dft_protocol": "quick"}, "there is no protocol 'quick' of DFT"),
        ({"set_": ("validation.dft.kpoint=1",), "validate": "dft"}, "validation.dft.kpoint"),
    ],
)
def test_what_is_wrong_is_told(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validation(**flags)


def test_plain_python_refuses_to_validate() -> None:
    host = str(Path(__file__).parents[3] / "examples" / "hosts" / "brucite.cif")
    result = CliRunner().invoke(
        main, ["restore", host, "--add", "H:2", "--no-aiida", "--validate", "dft"]
    )
    assert result.exit_code == 1
    assert "validation by DFT needs AiiDA: leave out --no-aiida" in result.output


def test_settings_of_a_campaign_without_validation_are_as_they_were() -> None:
    assert (
        load_settings(RestorationRequest(hosts=["a"], settings={"validation": None})).validation
        is None
    )
