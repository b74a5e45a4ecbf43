from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path

import pytest
from toy_plugin import IDENTITY, install

from aiida_hpaint import __version__
from aiida_hpaint.calculations.identity import identify_relaxation, identify_sampling, is_complete
from aiida_hpaint.science.diffusion import find_model, load_model
from aiida_hpaint.science.diffusion.models.cards import hash_card, read_card
from aiida_hpaint.science.settings import PotentialSettings, SamplingSettings


def test_the_bundled_model_is_named_by_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    card = load_model("bundled", "cpu").card
    monkeypatch.setattr("aiida_hpaint.calculations.identity.is_release", lambda: True)
    assert identify_sampling(SamplingSettings(seed=5)) == {
        "version": __version__,
        "model": {"name": card.name, "sha256": card.sha256, "card": hash_card(card)},
        "seed": 5,
    }


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"sampling": {"scheme": "td", "steps": 30, "corrector_steps": 0, "snr": 0.2}}, True),
        ({"noise": {"kind": "cartesian", "smallest": 0.05}}, True),
        ({"data": {"source_sha256": "0f"}}, True),
        ({"description": "better words", "accuracy": []}, False),
    ],
)
def test_a_model_is_what_its_card_says_as_well(
    tmp_path: Path, change: dict[str, object], matters: bool
) -> None:
    path = tmp_path / "copy.safetensors"
    path.write_bytes(find_model("bundled").read_bytes())
    settings = SamplingSettings(generator=str(path))
    card = read_card(find_model("bundled")).model_dump(mode="json")
    found = []
    for content in (card, {**card, **change}):
        path.with_suffix(".json").write_text(json.dumps(content))
        found.append(identify_sampling(settings)["model"])
    assert found[0]["sha256"] == found[1]["sha256"]
    assert (found[0] != found[1]) == matters


@pytest.mark.parametrize(
    ("cut", "change", "message"),
    [
        (1000, {}, "does not have the sha256 of its card"),
        (
            None,
            {"sha256": "0f" * 32},
            r"sha256 of its card \(0f0f0f0f0f0f\.\.\.\): fetch",
        ),
        (None, {"architecture": "newer"}, "is of architecture 'newer'; this version knows"),
    ],
)
def test_a_model_that_jobs_would_refuse_is_refused_before(
    tmp_path: Path, cut: int | None, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "copy.safetensors"
    path.write_bytes(find_model("bundled").read_bytes()[:cut])
    card = read_card(find_model("bundled")).model_dump(mode="json")
    path.with_suffix(".json").write_text(json.dumps({**card, **change}))
    with pytest.raises(ValueError, match=message):
        identify_sampling(SamplingSettings(generator=str(path)))


def test_random_placement_has_no_weights() -> None:
    found = identify_sampling(SamplingSettings(generator="random"))
    assert found["model"] == {"name": "random"}


def test_a_generator_of_another_package_is_named_by_its_version(plugin: Path) -> None:
    identity = identify_sampling(SamplingSettings(generator="toy"))
    assert identity["model"] == IDENTITY
    assert is_complete(identity)
    versioned = {key: value for key, value in IDENTITY.items() if key != "sha256"}
    assert is_complete({**identity, "model": versioned})
    assert not is_complete({**identity, "model": {"name": "toy"}})


def test_a_search_needs_the_identities_of_both_of_its_models() -> None:
    whole, partial = {"name": "a", "sha256": "0" * 64}, {"name": "a"}
    version = {"version": __version__}
    assert is_complete({**version, "model": whole, "generator": whole})
    assert not is_complete({**version, "model": whole, "generator": partial})
    assert not is_complete({**version, "model": partial, "generator": whole})


def test_code_under_development_is_named_by_its_content(empty_site: Path) -> None:
    info = install(empty_site)
    (info / "direct_url.json").write_text("{}")
    settings = SamplingSettings(generator="toy")
    found = identify_sampling(settings)
    assert len(found["model"]["source"]) == 64
    assert is_complete(found)
    elsewhere = identify_sampling(settings, local=False)
    assert elsewhere["model"] == {**IDENTITY, "source": None}
    assert not is_complete(elsewhere)


def test_a_bundled_potential_is_named_by_its_package() -> None:
    assert identify_relaxation(PotentialSettings())["model"] == {
        "name": "sevennet-0",
        "package": "sevenn",
        "package_version": metadata.version("sevenn"),
    }


def test_a_model_file_is_named_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "own.pth"
    file.write_bytes(b"weights")
    settings = PotentialSettings(name="sevennet", model=str(file), trust=True)
    model = identify_relaxation(settings)["model"]
    assert model["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert model["file"] == "own.pth"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "sevenet-0"}, "unknown potential 'sevenet-0': did you mean sevennet-0?"),
        ({"name": "dft"}, "unknown potential 'dft': choose from sevennet-0, "),
        ({"name": "mattersim"}, "mattersim: the package mattersim is not installed: pip install"),
        ({"name": "sevennet"}, "sevennet needs its model file: set potential.model"),
        ({"name": "sevennet", "model": "no.pth"}, "sevennet: there is no model file no.pth"),
    ],
)
def test_a_potential_that_is_not_there(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        identify_relaxation(PotentialSettings.model_validate(settings))


def test_a_generator_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"no model 'best': neither a bundled model \(bundled"):
        identify_sampling(SamplingSettings(generator="best"))


def test_elsewhere_may_be_what_is_not_here() -> None:
    potential = PotentialSettings(name="mattersim", model="there.pth", trust=True)
    assert identify_relaxation(potential, local=False)["model"] == {
        "name": "mattersim",
        "package": "mattersim",
    }
    generator = SamplingSettings(generator="there.safetensors")
    assert identify_sampling(generator, local=False)["model"] == {"name": "there.safetensors"}
