"""Potentials that other packages register through entry points, and objects instead of settings."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT

from aiida_hpaint.calculations.identity import identify_relaxation, is_complete
from aiida_hpaint.science.relaxation import PotentialError, get_potential, list_potentials, relax
from aiida_hpaint.science.relaxation.potentials.registry import OWN_POTENTIALS, find_potential
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings

from .conftest import EMT_CARD
from .test_relax import samples

HEADER = """
from ase.calculators.emt import EMT
from aiida_hpaint.science.relaxation.potentials import AsePotential, PotentialCard, PotentialInfo

def load_calculator(name, model, device):
    return EMT()

def load_card(name, model, device):
    card = PotentialCard(name, "ase", "1", "weights", "1" * 64, device)
    return AsePotential(card, EMT)

def fail(name, model, device):
    raise OSError("libfoo.so is missing")

def load_nothing(name, model, device):
    return 3

def info(name, loader, **more):
    return PotentialInfo(name, "ase", f"{__name__}:{loader}", **more)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package whose module `NAME` holds the potentials given as source code."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(name: str, source: str, entries: str = "") -> None:
        (tmp_path / f"{name}.py").write_text(HEADER + textwrap.dedent(source), "utf-8")
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        entries = entries or f"any = {name}:POTENTIALS"
        (folder / "entry_points.txt").write_text(f"[hpaint.potentials]\n{entries}\n")

    # A search path that no other test has: the entry points are read once for each.
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "nothing")])
    before = set(sys.modules)
    yield add
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


def ask(name, **more):
    return get_potential(PotentialSettings(name=name, device="cpu", **more))


def names():
    return [info.name for info in list_potentials()]


def test_a_package_adds_potentials(install):
    install("one", "POTENTIALS = [info('emt-calculator', 'load_calculator')]")
    install("two", "POTENTIALS = info('emt-card', 'load_card', sha256='1' * 64)")
    assert names()[: len(OWN_POTENTIALS)] == [info.name for info in OWN_POTENTIALS]
    assert names()[-2:] == ["emt-calculator", "emt-card"]
    assert "one" in sys.modules
    wrapped, carded = ask("emt-calculator"), ask("EMT-card")
    assert (wrapped.card.name, wrapped.card.package) == ("emt-calculator", "ase")
    assert wrapped.card.sha256 is None
    settings = RelaxationSettings(max_steps=2, give_up_above=None)
    first = relax(samples(2), settings, PotentialSettings(name="emt-calculator", device="cpu"))
    second = relax(samples(2), settings, carded)
    third = relax(samples(2), settings, EMT())
    for other in (second, third):
        np.testing.assert_array_equal(other.scalars["energy"], first.scalars["energy"])
    assert third.history[-1]["model"]["name"] == "emt"


def test_only_a_hash_proves_the_weights_of_others(install):
    install(
        "one",
        """
        POTENTIALS = [
            info('hashed', 'load_card', sha256='1' * 64),
            info('plain', 'load_card'),
            info('filed', 'load_calculator', needs_file=True),
        ]
        """,
    )
    hashed = identify_relaxation(PotentialSettings(name="hashed"))
    assert hashed["model"].items() >= {"sha256": "1" * 64, "provider": "one"}.items()
    assert hashed["model"]["provider_version"] == "1.0"
    assert is_complete(hashed)
    assert not is_complete(identify_relaxation(PotentialSettings(name="plain")))
    file = Path(sys.modules["one"].__file__ or "")
    settings = PotentialSettings(name="filed", model=str(file), trust=True, device="cpu")
    identity = identify_relaxation(settings)
    assert is_complete(identity)
    assert get_potential(settings).card.sha256 == identity["model"]["sha256"]
    with pytest.raises(PotentialError, match="have it run any code"):
        ask("filed", model=str(file))


def test_broken_packages_leave_the_others_alone(install):
    install("broken", "raise RuntimeError('made for another release')")
    install("empty", "POTENTIALS = None")
    install("strange", "POTENTIALS = ['emt']")
    install("shouting", "POTENTIALS = info('EMT calculator', 'load_card')")
    install("absent", "", "any = no_such_module:POTENTIALS")
    install("sound", "POTENTIALS = info('emt-sound', 'load_card')")
    with pytest.warns(UserWarning, match="cannot be used") as warned:
        assert names()[len(OWN_POTENTIALS) :].count("emt-sound") == 1
    text = "\n".join(str(one.message) for one in warned)
    assert "broken registers as 'any' (broken:POTENTIALS)" in text
    assert "RuntimeError: made for another release" in text
    for package in ("empty", "strange", "shouting", "absent"):
        assert f"the package {package} registers" in text
    assert ask("emt-sound").card.sha256 == "1" * 64
    with pytest.raises(PotentialError, match=r"'emt-sond': did you mean.*broken registers"):
        ask("emt-sond")


def test_names_that_clash(install):
    install("first", "POTENTIALS = [info('both', 'load_card'), info('emt-first', 'load_card')]")
    install("second", "POTENTIALS = info('both', 'load_calculator')")
    install("third", "POTENTIALS = info('sevennet-0', 'load_calculator')")
    with pytest.warns(UserWarning, match="registers a potential") as warned:
        found = {info.name: info for info in list_potentials()}
    text = "\n".join(str(one.message) for one in warned)
    assert "'both' is registered more than once, by first, second" in text
    assert "the package third registers a potential 'sevennet-0'" in text
    assert "both" not in found
    assert found["emt-first"].provider == "first"
    assert found["sevennet-0"].provider == ""
    with pytest.raises(PotentialError, match="more than once, by first, second"):
        ask("both")


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        ("fail", r"the package one, which registers it, cannot load it \(OSError: libfoo"),
        ("absent", r"cannot load it \(AttributeError"),
        ("load_nothing", "'int' is no potential: it needs the members"),
        ("load_card", "has the sha256 1{64} on its card, and its weights have 2{64}"),
    ],
)
def test_loaders_that_fail(install, loader, message):
    install("one", f"POTENTIALS = info('bad', '{loader}', sha256='2' * 64)")
    with pytest.raises(PotentialError, match=message):
        ask("bad")


def test_objects_stand_for_settings(emt):
    assert get_potential(emt) is emt
    assert get_potential(EMT()).card.sha256 is None
    assert emt.card == EMT_CARD
    with pytest.raises(PotentialError, match="'str' is no potential"):
        get_potential("sevennet-0")


def test_potentials_of_this_package_are_found_without_looking_at_others(install):
    install("one", "POTENTIALS = [info('emt-calculator', 'load_calculator')]")
    assert find_potential("SevenNet-0").name == "sevennet-0"
    assert "one" not in sys.modules
    assert find_potential("emt-calculator").provider == "one"
