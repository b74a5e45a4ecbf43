from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.relaxation.guards import (
    find_closest_contacts,
    find_implausible_energies,
    find_implausible_forces,
    get_minimum_distances,
)

from .crystals import batch_of, brucite, magnesium_hydride, sodium_alanate


def contacts(batch, moving=None):
    chosen = batch.inserted if moving is None else moving
    return find_closest_contacts(
        batch.numbers, batch.frac_coords, batch.cells, batch.site_counts, chosen
    )


@pytest.mark.parametrize(
    ("first", "second", "limit"), [(1, 1, 0.6), (1, 8, 0.75), (57, 1, 0.75), (8, 8, 0.66)]
)
def test_limits(first, second, limit):
    allowed = get_minimum_distances(np.array([first]), np.array([second]))
    np.testing.assert_allclose(allowed, limit)


def test_real_crystals_and_molecules_are_no_collapse():
    molecules = [
        Atoms("H2", [(0, 0, 0), (0, 0, 0.74)], cell=8 * np.eye(3), pbc=True),
        Atoms("HF", [(0, 0, 0), (0, 0, 0.917)], cell=8 * np.eye(3), pbc=True),
        Atoms("N2", [(0, 0, 0), (0, 0, 1.098)], cell=8 * np.eye(3), pbc=True),
    ]
    batch = batch_of([brucite(), magnesium_hydride(), sodium_alanate(), *molecules])
    assert (contacts(batch, np.ones(batch.n_sites, dtype=bool)) > 1).all()


@given(seed=st.integers(0, 10_000), sites=st.integers(2, 6))
def test_closest_contact_equals_that_of_ase(seed, sites):
    rng = np.random.default_rng(seed)
    cell = [*rng.uniform(3.0, 7.0, 3), *rng.uniform(60, 110, 3)]
    frac = rng.uniform(-1, 2, (sites, 3))
    atoms = Atoms("H" * sites, scaled_positions=frac, cell=cell, pbc=True)
    distances = atoms.get_all_distances(mic=True)[np.triu_indices(sites, 1)]
    found = contacts(batch_of([atoms]))[0] * 0.6
    # Only contacts near the limit matter; further away the nearest image may be another one.
    if distances.min() < 1.2:
        np.testing.assert_allclose(found, distances.min())
    else:
        assert found > 1.1


def test_contacts_through_the_cell_boundary_and_of_moving_sites_only():
    cell = 6 * np.eye(3)
    through = Atoms("OH", [(0, 0, 0.1), (0, 0, 5.6)], cell=cell, pbc=True)
    fixed = Atoms("OOH", [(0, 0, 0), (0, 0, 0.2), (3, 3, 3)], cell=cell, pbc=True)
    ratios = contacts(batch_of([through, fixed]))
    np.testing.assert_allclose(ratios[0], 0.5 / 0.75)
    assert ratios[1] > 1


def test_absurd_forces_are_found_in_their_structure():
    forces = np.zeros((5, 3))
    forces[3, 1] = -2e4
    np.testing.assert_array_equal(
        find_implausible_forces(forces, np.array([2, 2, 1])), [False, True, False]
    )


def test_energies_below_all_chemistry():
    energies = np.array([-50.0, -51.0, -120.0, -50.0, -120.0])
    hosts = np.array([0, 0, 0, 1, 1])
    moving = np.full(5, 2)
    unknown = np.full(5, np.nan)
    low = find_implausible_energies(energies, moving, hosts, unknown)
    np.testing.assert_array_equal(low, [False, False, True, False, False])
    earlier = np.array([-49.0, -50.0, -119.0, -49.0, -60.0])
    low = find_implausible_energies(energies[3:], moving[3:], hosts[3:], earlier[3:])
    np.testing.assert_array_equal(low, [False, True])
