from __future__ import annotations

import subprocess
import sys

import pytest

from aiida_hpaint.science.protocols import list_protocols, load_protocol
from aiida_hpaint.science.settings import RestorationSettings


def test_every_protocol_loads_and_is_described() -> None:
    described = list_protocols()
    assert list(described) == ["fast", "balanced", "stringent"]
    assert all(described.values())
    assert all(isinstance(load_protocol(name), RestorationSettings) for name in described)


def test_protocols_grow_from_fast_to_stringent() -> None:
    samples = [load_protocol(name).sampling.samples for name in list_protocols()]
    limits = [load_protocol(name).relax_inserted.fmax for name in list_protocols()]
    assert samples == sorted(samples)
    assert limits == sorted(limits, reverse=True)


def test_balanced_is_the_default() -> None:
    assert load_protocol() == load_protocol("balanced")


@pytest.mark.parametrize("name", ["fast", "balanced", "stringent"])
def test_stages_move_what_their_names_say(name: str) -> None:
    settings = load_protocol(name)
    assert settings.relax_inserted.moving == "inserted"
    assert settings.relax_all.moving == "all"


def test_overrides_replace_single_settings() -> None:
    fast = load_protocol("fast")
    changed = load_protocol("fast", {"sampling": {"seed": 7}, "keep": 3})
    assert changed.sampling == fast.sampling.model_copy(update={"seed": 7})
    assert changed.keep == 3
    assert changed.relax_inserted == fast.relax_inserted


def test_candidates_are_scored() -> None:
    fast = load_protocol("fast").score
    assert fast is not None
    settings = load_protocol("fast", {"candidates": 5})
    assert settings.candidates == 5
    assert settings.score == fast
    changed = load_protocol("fast", {"score": {"fmax": 0.2}}).score
    assert changed == fast.model_copy(update={"fmax": 0.2})
    assert load_protocol("fast", {"candidates": 5, "score": None}).score is None


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("quick", {}, "no protocol 'quick': choose from fast, balanced, stringent"),
        ("fast", {"sampling": {"sample": 3}}, "sampling.sample: did you mean sampling.samples?"),
        ("fast", {"zzz": 3}, "no setting zzz: there is hosts, sampling, symmetry"),
        ("fast", {"sampling": {"samples": 0}}, "setting sampling.samples: .*greater.*got 0"),
        ("fast", {"score": {"max_step": 3}}, "score.max_step: did you mean score.max_steps?"),
        ("fast", {"candidates": 0}, "setting candidates: .*greater.*got 0"),
        ("fast", {"sampling": 3}, "setting sampling: .*got 3"),
        ("fast", {"relax_all": {"optimizer": "cg"}}, "relax_all.optimizer: .*'bfgs' or 'fire'"),
    ],
)
def test_errors_name_the_setting(name: str, overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_protocol(name, overrides)


def test_does_not_import_aiida() -> None:
    code = "import sys, aiida_hpaint.science.protocols; sys.exit('aiida' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
