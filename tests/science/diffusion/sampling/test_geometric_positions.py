"""H of organic groups begins in geometric positions, whatever generator draws the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.build import molecule
from ase.geometry import get_distances
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion.sampling.generation import generate, generate_recorded
from aiida_hpaint.science.plausibility import find_parents
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import StructureBatch, add_sites, from_ase, remove_sites
from aiida_hpaint.science.structures.batch import concatenate
from aiida_hpaint.science.structures.budget.inferred import infer_parents
from aiida_hpaint.science.structures.budget.parents import read_parents, write_parents
from aiida_hpaint.science.structures.geometric import DRAWN, GEOMETRIC


def settings(generator: str = "bundled", **values: object) -> SamplingSettings:
    return SamplingSettings(generator=generator, **{"samples": 2, "steps": 8, **values})


def make_pair(name: str) -> tuple[StructureBatch, StructureBatch]:
    atoms = molecule(name)
    atoms.set_cell([[6.0, 0.0, 0.0], [0.7, 6.5, 0.0], [0.4, 0.9, 7.5]])
    atoms.pbc = True
    atoms.center()
    atoms.wrap()
    hosts, complete = remove_sites(from_ase([atoms]))
    return write_parents(hosts, [find_parents(complete)]), complete


def measure(samples: StructureBatch, complete: StructureBatch) -> np.ndarray:
    """Return how far each inserted site of each sample is from the nearest H, Å."""
    true = complete.cart_coords[complete.inserted]
    return np.array(
        [
            get_distances(one.cart_coords[one.inserted], true, one.cells[0], True)[1].min(1)
            for one in samples
        ]
    )


@pytest.mark.parametrize("generator", ["bundled", "random"])
@pytest.mark.parametrize("name", ["C6H6", "C4H4NH", "C2H2"])
def test_molecules_without_a_choice_are_complete(name: str, generator: str) -> None:
    host, complete = make_pair(name)
    samples = generate(host, settings(generator))
    assert measure(samples, complete).max() < 0.2
    count = int(host.insert_counts[0])
    assert samples.metadata[0][GEOMETRIC] == count
    assert f"{count} of {count} H began in geometric" in samples.metadata[0]["notes"][-1]


@pytest.mark.parametrize("generator", ["bundled", "random"])
def test_the_others_are_sampled_beside_them(generator: str) -> None:
    host, _ = make_pair("CH3CH2OH")
    samples = generate(host, settings(generator, samples=3))
    for one in samples:
        parents = find_parents(one)
        assert np.array_equal(np.sort(one.numbers[parents]), [6, 6, 6, 6, 6, 8])
    assert {entry[GEOMETRIC] for entry in samples.metadata} == {5}
    # The hydroxyl group turns from sample to sample, a methyl group may, and CH2 does not.
    pair = samples.frac_coords.reshape(3, -1, 3)[:, samples[0].inserted]
    still = (np.abs(pair - pair[0]).max(axis=(0, 2)) < 0.03).sum()
    assert 2 <= still <= 5


def test_they_can_be_turned_off() -> None:
    host, _ = make_pair("C6H6")
    samples = generate(host, settings("random", geometric=False))
    assert GEOMETRIC not in samples.metadata[0]
    # Random directions are no bisectors.
    assert measure(samples, make_pair("C6H6")[1]).max() > 0.3


def test_a_sample_depends_neither_on_others_nor_on_the_cell_s_orientation() -> None:
    host, other = make_pair("CH3CH2OH")[0], make_pair("C6H6")[0]
    alone = generate(host, settings("random"))
    beside = generate(concatenate([other, host]), settings("random"))
    assert np.allclose(beside[[2, 3]].frac_coords, alone.frac_coords, atol=1e-9)
    rotation = Rotation.from_euler("xyz", [0.3, 0.8, -0.5]).as_matrix()
    turned = generate(replace(host, cells=host.cells @ rotation), settings("random"))
    assert np.allclose(turned.frac_coords, alone.frac_coords, atol=1e-7)
    relisted = write_parents(
        host[0], [[1 - p if p < 2 else p for p in read_parents(host).tolist()]]
    )
    swap = np.array([1, 0, *range(2, host.n_sites)])
    relisted = replace(relisted, numbers=host.numbers[swap], frac_coords=host.frac_coords[swap])
    again = generate(relisted, settings("random"))
    assert measure(again, alone[0]).max(axis=1)[0] < 1e-6


@pytest.mark.parametrize(("name", "moving"), [("CH3CH2OH", 1), ("C6H6", 0)])
def test_recordings_have_all_sites(name: str, moving: int) -> None:
    host, _ = make_pair(name)
    samples, trajectory = generate_recorded(host, settings(samples=1, record=2))
    count = int(host.insert_counts[0])
    assert trajectory.positions.shape == (5, count, 3)
    assert trajectory.means.shape == (4, count, 3)
    travelled = np.abs(np.diff(trajectory.positions, axis=0)).max(axis=(0, 2)) > 1e-6
    assert travelled.sum() == moving
    assert np.allclose(trajectory.positions[-1], samples.frac_coords[samples.inserted], atol=1e-6)


def test_hosts_without_a_budget_get_parents_from_bonds() -> None:
    hosts, complete = remove_sites(make_pair("CH3CONH2")[1])
    assert "budget" not in hosts.metadata[0]
    inferred = infer_parents(hosts, hosts.inserted)
    assert np.array_equal(np.sort(inferred), np.sort(find_parents(complete)))
    assert generate(hosts, settings("random")).metadata[0][GEOMETRIC] == 5
    water = remove_sites(make_pair("H2O")[1])[0]
    assert infer_parents(water, water.inserted).tolist() == [-1, -1]


def test_samples_say_that_the_atoms_that_carry_their_h_were_drawn() -> None:
    hosts = remove_sites(make_pair("HCOOH")[1])[0]
    samples = generate(hosts, settings("random", samples=6))
    # One sample in three leaves the acidic H to the generator.
    assert [entry.get(DRAWN, 0) for entry in samples.metadata] == [0, 1, 1, 0, 1, 1]
    for one in samples:
        notes = " ".join(one.metadata[0]["notes"])
        assert "1 of 2 H began in geometric positions" in notes
        assert ("1 of 2 H began at were drawn by bond valences" in notes) == (
            DRAWN in one.metadata[0]
        )
    known = write_parents(hosts, [find_parents(make_pair("HCOOH")[1])])
    assert DRAWN not in generate(known, settings("random")).metadata[1]


@pytest.mark.parametrize(("distance", "positions"), [(0.0, 2), (1.2, 1), (2.0, 2)])
def test_the_h_of_an_amine_is_where_it_has_room(distance: float, positions: int) -> None:
    atoms = molecule("C2H6NH")
    nitrogen = int(np.flatnonzero(atoms.numbers == 7)[0])
    carried = int(np.flatnonzero(atoms.get_distances(nitrogen, range(len(atoms))) < 1.1)[1])
    bond = atoms.positions[carried] - atoms.positions[nitrogen]
    if distance:
        place = atoms.positions[carried] + distance * bond / np.linalg.norm(bond)
        atoms.append("Ne")
        atoms.positions[-1] = place
    del atoms[carried]
    atoms.set_cell([9.0, 10.0, 11.0])
    atoms.pbc = True
    atoms.center()
    host = add_sites(from_ase([atoms]), "H:1")
    site = int(np.flatnonzero(host.numbers == 7)[0])
    samples = generate(write_parents(host, [[site]]), settings("random", samples=12))
    placed = samples.cart_coords[samples.inserted]
    apart = np.linalg.norm(placed - placed[0], axis=1)
    assert (apart.max() > 0.5) == (positions == 2)
    neon = host.cart_coords[host.numbers == 10]
    assert distance != 1.2 or np.linalg.norm(placed - neon, axis=1).min() > 1.5
