from __future__ import annotations

import pytest

from aiida_hpaint.science.protocols.dft import list_dft_protocols, load_dft_protocol
from aiida_hpaint.science.settings import DftSettings


def test_every_protocol_loads_and_is_described() -> None:
    described = list_dft_protocols()
    assert list(described) == ["fast", "balanced", "paper"]
    assert all(described.values())
    assert all(isinstance(load_dft_protocol(name), DftSettings) for name in described)


def test_balanced_is_the_default() -> None:
    assert load_dft_protocol() == load_dft_protocol("balanced")


@pytest.mark.parametrize("setting", ["kpoints_distance", "force_threshold", "energy_threshold"])
def test_protocols_grow_tighter(setting: str) -> None:
    values = [getattr(load_dft_protocol(name), setting) for name in list_dft_protocols()]
    assert values == sorted(values, reverse=True)


def test_paper_is_what_the_paper_says() -> None:
    paper = load_dft_protocol("paper")
    assert paper == DftSettings()
    assert paper.pseudo_families[0] == "SSSP/1.3/PBE/efficiency"
    assert (paper.kpoints_distance, paper.smearing) == (0.15, "cold")
    assert (paper.force_threshold, paper.energy_threshold) == (1e-4, 1e-5)


def test_overrides_replace_single_settings() -> None:
    fast = load_dft_protocol("fast")
    changed = load_dft_protocol("fast", {"cutoff_wfc": 40})
    assert changed == fast.model_copy(update={"cutoff_wfc": 40.0})


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("quick", {}, "no protocol 'quick' of DFT: choose from fast, balanced, paper"),
        ("fast", {"kpoint_distance": 1}, "did you mean kpoints_distance?"),
        ("fast", {"degauss": -1}, "degauss: input should be greater than 0, got -1"),
    ],
)
def test_errors_say_what_there_is(name: str, overrides: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        load_dft_protocol(name, overrides)
