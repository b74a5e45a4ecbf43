from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.benchmark import read_reference_sets, read_references
from aiida_hpaint.science.benchmark.references import find_half, format_reduced_formula
from aiida_hpaint.science.plausibility import count_misplaced
from aiida_hpaint.science.structures import read_hosts, write_extxyz
from aiida_hpaint.science.structures.budget.parents import read_parents

REFERENCES = sorted((Path(__file__).parents[3] / "examples" / "references").glob("*.cif"))
HOSTS = REFERENCES[0].parents[1] / "hosts"


def test_hosts_wait_for_what_references_have() -> None:
    found = read_references(REFERENCES)
    assert len(found.hosts) == len(REFERENCES)
    assert found.hosts.labels == found.complete.labels
    assert not found.hosts.placed.any()
    assert found.complete.placed.all()
    assert (found.hosts.numbers[found.hosts.inserted] == 1).all()
    assert found.source["element"] == "H"
    assert len(found.source["references"]) == len(REFERENCES)


def test_the_halves_are_the_whole() -> None:
    tune, final = (read_references(REFERENCES, half=half) for half in ("tune", "final"))
    both = sorted([*tune.indices.tolist(), *final.indices.tolist()])
    assert both == list(range(len(REFERENCES)))
    assert read_references(REFERENCES, half="tune", limit=1).indices.tolist() == [tune.indices[0]]


def test_the_rule_of_the_halves_is_fixed() -> None:
    numbers = {"brucite": [12, 8, 8, 1, 1], "NaAlH4": [11, 13, 1, 1, 1, 1], "LiOH": [3, 8, 1]}
    assert format_reduced_formula(np.array(numbers["brucite"])) == "H2Mg1O2"
    halves = {name: find_half(np.array(some)) for name, some in numbers.items()}
    assert halves == {"brucite": "final", "NaAlH4": "tune", "LiOH": "tune"}


@given(st.lists(st.integers(1, 94), min_size=1, max_size=12), st.integers(1, 4), st.randoms())
def test_a_supercell_is_in_the_half_of_its_cell(
    numbers: list[int], times: int, rng: object
) -> None:
    several = numbers * times
    rng.shuffle(several)  # type: ignore[attr-defined]
    assert find_half(np.array(several)) == find_half(np.array(numbers))


def test_structures_without_the_element_are_left_out() -> None:
    files = [HOSTS / "brucite.cif", *REFERENCES]
    found = read_references(files[:1] + REFERENCES[:2], limit=1)
    assert (found.left_out, found.indices.tolist()) == (1, [1])


def test_a_file_of_several_structures_is_a_set(tmp_path: Path) -> None:
    whole = tmp_path / "minerals.extxyz"
    write_extxyz(read_hosts(REFERENCES), whole)
    sets = read_reference_sets([REFERENCES[0], whole, REFERENCES[1]])
    assert {name: len(found.hosts) for name, found in sets.items()} == {
        "minerals": len(REFERENCES),
        "single": 2,
    }
    assert list(sets["minerals"].source["references"]) == [whole.name]


def test_large_structures_are_left_out() -> None:
    everything = read_references(REFERENCES)
    most = int(everything.complete.site_counts.min())
    small = read_references(REFERENCES, max_sites=most)
    assert set(small.complete.site_counts.tolist()) == {most}
    large = read_references(REFERENCES, min_sites=most + 1)
    assert len(large.complete) == len(everything.complete) - len(small.complete)
    assert large.complete.site_counts.min() > most
    with pytest.raises(ValueError, match="with up to 1 sites"):
        read_references(REFERENCES, max_sites=1)


def test_nothing_to_take_out_is_said() -> None:
    with pytest.raises(ValueError, match="no structure of 1 has Cs"):
        read_references(REFERENCES[:1], "Cs")
    with pytest.raises(ValueError, match="no element 'hydrogen'"):
        read_references(REFERENCES[:1], "hydrogen")


def test_hosts_may_say_which_atoms_carry_what_was_removed() -> None:
    plain, told = (read_references(REFERENCES, budget=budget) for budget in (False, True))
    assert "budget" not in plain.source
    assert told.source == {**plain.source, "budget": True}
    assert (count_misplaced(plain.complete) == -1).all()
    assert (count_misplaced(told.complete) == 0).all()
    for host, complete in zip(told.hosts, told.complete, strict=True):
        parents = read_parents(host)
        assert np.array_equal(parents, read_parents(complete))
        if host.labels[0] == "brucite":
            assert host.numbers[parents].tolist() == [8, 8]
    lithium = read_references(REFERENCES, "Li", budget=True)
    assert all((read_parents(host) == -1).all() for host in lithium.hosts)
