"""Supercells for single sites: as large as asked for, and the same crystal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from aiida_hpaint.science.evaluation.duplicates import find_repeated
from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures import StructureBatch, concatenate, prepare_hosts, read_hosts
from aiida_hpaint.science.structures.primitive import choose_searches
from aiida_hpaint.science.structures.supercell import find_multiples, make_dilute

PORTLANDITE = Path(__file__).parents[3] / "examples" / "references" / "portlandite.cif"


@given(st.lists(st.floats(-1.0, 1.0), min_size=9, max_size=9), st.floats(1.0, 20.0))
def test_images_are_as_far_apart_as_asked_for(values: list[float], distance: float) -> None:
    cell = 4 * np.eye(3) + np.reshape(values, (3, 3))
    multiples = find_multiples(cell, distance)
    lattice = Lattice(cell * multiples[:, None])
    assert min(lattice.get_lll_reduced_lattice().abc) >= distance - 1e-5
    assert find_multiples(cell * multiples[:, None], distance).tolist() == [1, 1, 1]


def test_the_supercell_is_that_of_pymatgen() -> None:
    one = read_hosts(PORTLANDITE)
    found = make_dilute(one, 6.0)
    expected = Structure(one.cells[0], one.numbers, one.frac_coords)
    expected.make_supercell(find_multiples(one.cells[0], 6.0).tolist())
    assert found.n_sites == len(expected) > one.n_sites
    np.testing.assert_allclose(found.cells[0], expected.lattice.matrix)
    distances = expected.lattice.get_all_distances(found.frac_coords, expected.frac_coords)
    assert distances.min(1).max() < 1e-6
    assert (found.numbers == np.array(expected.atomic_numbers)[distances.argmin(1)]).all()
    assert make_dilute(one, 1.0).equals(one)


@pytest.fixture(scope="module")
def host() -> StructureBatch:
    found, problems = prepare_hosts(PORTLANDITE, {"H": 1}, settings=HostSettings(dilute=6.0))
    assert found is not None, problems
    return found


def test_one_site_goes_into_the_supercell_and_it_is_said(host: StructureBatch) -> None:
    assert host.insert_counts.tolist() == [1]
    assert (host.n_sites - 1) % (5 * 4) == 0
    (note,) = (n for n in host.metadata[0]["notes"] if "repeated" in n)
    assert note.startswith("The host is repeated 2x2x")
    (search,) = choose_searches(host, "both")
    assert search.n_sites == host.n_sites


def test_places_that_symmetry_makes_the_same_are_one(host: StructureBatch) -> None:
    """Near any of the equivalent O, in any of the copies of the cell."""
    oxygen = np.flatnonzero(host.numbers == 8)
    vectors = {True: [0, 0, 1.0], False: [0, 0, -1.0]}
    samples = []
    for site in oxygen.tolist():
        # H of the host points away from the layer on either side of it.
        near = host.frac_coords[host.numbers == 1][:-1] - host.frac_coords[site]
        near -= np.rint(near)
        bond = (near @ host.cells[0])[np.linalg.norm(near @ host.cells[0], axis=1).argmin()]
        shift = np.array(vectors[bool(bond[2] < 0)]) @ np.linalg.inv(host.cells[0])
        frac = host.frac_coords.copy()
        frac[-1] = host.frac_coords[site] + shift
        samples.append(host.with_coords(frac))
    joined = concatenate(samples)
    assert len(joined) > 2
    assert set(find_repeated(joined, np.arange(len(joined)), 0.1).values()) == {0}
    assert len(find_repeated(joined, np.arange(len(joined)), 0.1)) == len(joined) - 1


def test_the_number_has_to_be_given() -> None:
    found, problems = prepare_hosts(PORTLANDITE, settings=HostSettings(dilute=6.0))
    assert found is None
    assert "give the number of sites in the supercell" in str(problems[0])
