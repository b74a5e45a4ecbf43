"""What is refused before any sample is drawn."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aiida_hpaint.science.preflight import check_tools, find_unknown
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation.potentials import PotentialCard, get_potential, list_potentials
from aiida_hpaint.science.restoration import restore_batch
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.stages import StageTools
from aiida_hpaint.science.structures import HostError, StructureBatch, concatenate

FRANCIUM = 87


@pytest.fixture
def hosts(brucite: StructureBatch) -> StructureBatch:
    """Brucite, and the same with francium."""
    other = np.where(brucite.numbers == 12, FRANCIUM, brucite.numbers)
    return concatenate([brucite, replace(brucite, numbers=other, labels=("francium",))])


class Forbidden:
    """A tool that must not be used."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was used")


def test_hosts_with_unknown_elements_are_found_without_a_potential(hosts: StructureBatch) -> None:
    problems = find_unknown(hosts, load_protocol("fast"))
    assert list(problems) == [1]
    assert str(problems[1]).startswith("francium: sevennet-0 was not trained on its Fr")
    own = load_protocol("fast", {"potential": {"name": "mace", "model": "own.model"}})
    assert find_unknown(hosts, own) == {}


def test_nothing_is_drawn_for_hosts_that_the_potential_does_not_know(hosts: StructureBatch) -> None:
    card = PotentialCard("own", "tests", "0", "own", None, "cpu", elements=frozenset({1, 8, 12}))
    tools = StageTools(generator=Forbidden(), potential=SimpleNamespace(card=card, evaluate=print))  # type: ignore[arg-type]
    with pytest.raises(HostError, match="francium: own was not trained on its Fr"):
        restore_batch(hosts, load_protocol("fast"), tools)


def test_a_second_potential_is_asked_as_well(hosts: StructureBatch) -> None:
    settings = load_protocol("fast", {"rerank": {"name": "nequip", "model": "none.nequip.zip"}})
    with pytest.raises(ValueError, match=r"none\.nequip\.zip"):
        check_tools(None, settings)


def test_a_potential_knows_the_elements_that_the_registry_says() -> None:
    card = get_potential(PotentialSettings(name="sevennet-0", device="cpu")).card
    known = {info.name: info.elements for info in list_potentials()}
    assert card.elements == known["sevennet-0"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sevennet-l3i5", "sevennet-mf-0"])
def test_larger_potentials_know_the_same_elements(name: str) -> None:
    known = {info.name: info.elements for info in list_potentials()}
    assert get_potential(PotentialSettings(name=name, device="cpu")).card.elements == known[name]
