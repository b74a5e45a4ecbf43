"""Sites that are chosen by element, label, number or place, and inserted anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure

from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures import HostError, prepare_hosts, read_hosts
from aiida_hpaint.science.structures.site_selection import choose_sites, take_out_sites

REFERENCES = Path(__file__).parents[3] / "examples" / "references"
BRUCITE = REFERENCES / "brucite.cif"


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("H", [3, 4]),
        ("#1", [0]),
        ("#2-3, H", [1, 2, 3, 4]),
        ("H within 1.1 of #2", [3]),
        ("O within 1.1 of H", [1, 2]),
        ("H within 1.1 of 0.3333 0.6667 0.22", [3]),
    ],
)
def test_choices(text: str, chosen: list[int]) -> None:
    one = read_hosts(BRUCITE)
    assert one.numbers.tolist() == [12, 8, 8, 1, 1]
    assert np.flatnonzero(choose_sites(one, text)).tolist() == chosen


def test_distances_are_those_of_pymatgen() -> None:
    one = read_hosts(REFERENCES / "diaspore.cif")
    crystal = Structure(one.cells[0], one.numbers, one.frac_coords)
    point = crystal.lattice.get_cartesian_coords([0.9, 0.1, 0.4])
    for radius in (2.0, 3.0):
        near = crystal.get_sites_in_sphere(point, radius)
        expected = {site.index for site in near if site.specie.symbol == "O"}
        found = choose_sites(one, f"O within {radius} of 0.9 0.1 0.4")
        assert set(np.flatnonzero(found).tolist()) == expected


@pytest.mark.parametrize("text", ["Fe", "H9", "#77", "H within 0.1 of Mg", "", "H within x of O"])
def test_a_choice_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(HostError, match=r"chooses none of its sites.*Choose by an element"):
        choose_sites(read_hosts(BRUCITE), text)


def test_something_of_the_host_has_to_stay() -> None:
    with pytest.raises(HostError, match="chooses all of its sites"):
        take_out_sites(read_hosts(BRUCITE), "Mg, O, H")


def test_what_was_taken_out_is_inserted_anew_and_said() -> None:
    hosts, problems = prepare_hosts(BRUCITE, settings=HostSettings(replace="#4"))
    assert hosts is not None, problems
    assert hosts.numbers.tolist() == [12, 8, 8, 1, 1]
    assert hosts.inserted.tolist() == [False] * 4 + [True]
    assert np.isnan(hosts.frac_coords[4]).all()
    # The other H stays, as part of the host.
    np.testing.assert_array_equal(hosts.frac_coords[3], read_hosts(BRUCITE).frac_coords[4])
    assert any("Taken out of the host: 1 H" in note for note in hosts.metadata[0]["notes"])
    assert len(hosts.metadata[0]["site_labels"]) == 4


def test_another_element_may_take_the_place() -> None:
    settings = HostSettings(replace="Mg, H")
    hosts, problems = prepare_hosts(BRUCITE, {"Li": 2}, settings=settings)
    assert hosts is not None, problems
    assert hosts.numbers.tolist() == [8, 8, 3, 3]
    assert hosts.inserted.tolist() == [False, False, True, True]


def test_hosts_alone_lack_what_was_taken_out() -> None:
    host = read_hosts(BRUCITE, settings=HostSettings(replace="H"))
    assert host.numbers.tolist() == [12, 8, 8]
    assert host.placed.all()
    assert read_hosts(host, settings=HostSettings(replace="H")).equals(host)


def test_each_host_has_its_own_problem() -> None:
    hosts, problems = prepare_hosts(
        [BRUCITE, REFERENCES / "magnesium_hydride.cif"], settings=HostSettings(replace="O")
    )
    assert hosts is not None
    assert hosts.labels == ("brucite",)
    assert ["chooses none" in str(problem) for problem in problems] == [True]
