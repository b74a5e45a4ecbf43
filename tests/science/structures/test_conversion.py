"""pymatgen and ASE: there and back without loss, and what others bring along."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import DummySpecies, Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from aiida_hpaint.science.structures import (
    HostError,
    IsotopeWarning,
    StructureBatch,
    from_ase,
    from_pymatgen,
    to_ase,
    to_pymatgen,
)

Batches = Callable[..., st.SearchStrategy[StructureBatch]]


@given(data=st.data())
def test_pymatgen_and_back_is_exact(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches(placed=True))
    assert from_pymatgen(to_pymatgen(batch)).equals(batch)


@given(data=st.data())
def test_ase_and_back_is_exact(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches(placed=True))
    assert from_ase(to_ase(batch)).equals(batch)


@given(data=st.data())
def test_structures_survive_their_own_json(batches: Batches, data: st.DataObject) -> None:
    batch = data.draw(batches(placed=True))
    texts = [json.dumps(structure.as_dict()) for structure in to_pymatgen(batch)]
    read = from_pymatgen(Structure.from_dict(json.loads(text)) for text in texts)
    assert np.array_equal(read.frac_coords, batch.frac_coords)
    assert np.array_equal(read.inserted, batch.inserted)
    assert read.labels == batch.labels
    assert read.metadata == batch.metadata


def test_all_three_agree_on_the_crystal(rock_salt: StructureBatch) -> None:
    structure, atoms = to_pymatgen(rock_salt)[0], to_ase(rock_salt)[0]
    assert AseAtomsAdaptor.get_structure(atoms).matches(structure)
    assert structure.get_space_group_info()[1] == 225
    assert structure.site_properties["inserted"] == [False] * 8


def test_sites_without_position_are_refused(rock_salt: StructureBatch) -> None:
    coords = rock_salt.frac_coords.copy()
    coords[5] = np.nan
    for convert in (to_pymatgen, to_ase):
        with pytest.raises(HostError, match=r"MgO, site 6 \(O\): it has no position yet"):
            convert(rock_salt.with_coords(coords))


def test_foreign_structures_keep_order_and_coordinates() -> None:
    coords = [[1.25, -0.3, 0.5], [0.1, 0.2, 0.3], [0.7, 0.0, 0.9]]
    structure = Structure(Lattice.cubic(5), ["O2-", "Mg2+", "O2-"], coords)
    structure.properties = {"material_id": "mp-7", "array": np.arange(3), "odd": {1: 2j}}
    batch = from_pymatgen([structure])
    assert batch.numbers.tolist() == [8, 12, 8]
    assert batch.frac_coords.tolist() == coords
    assert batch.labels == ("mp-7",)
    assert batch.metadata[0] == {"material_id": "mp-7", "array": [0, 1, 2], "odd": {"1": "2j"}}


def test_nameless_structures_go_by_their_formula() -> None:
    structure = Structure(Lattice.cubic(4), ["Mg", "O", "O", "H", "H"], np.random.rand(5, 3))
    assert from_pymatgen([structure]).labels == ("H2MgO2",)
    assert from_ase([bulk("Fe", cubic=True)]).labels == ("Fe",)


def test_deuterium_becomes_hydrogen_with_a_note() -> None:
    structure = Structure(Lattice.cubic(4), ["Li", "D", "T"], np.eye(3) / 2)
    with pytest.warns(IsotopeWarning, match="1 D and 1 T are treated as H"):
        batch = from_pymatgen([structure])
    assert batch.numbers.tolist() == [3, 1, 1]
    assert batch.metadata[0]["isotopes"] == {"D": 1, "T": 1}


def test_disorder_is_refused_with_its_site() -> None:
    structure = Structure(Lattice.cubic(4), [{"Mg": 0.5, "Fe": 0.5}, "O"], np.eye(3)[:2] / 2)
    with pytest.raises(HostError, match=r"site 1 \(.*\): it is disordered: occupied by Mg:0"):
        from_pymatgen([structure])
    vacant = Structure(Lattice.cubic(4), ["Mg", {"O": 0.9}], np.eye(3)[:2] / 2)
    with pytest.raises(HostError, match=r"site 2 .*disordered: occupied by O:0.9"):
        from_pymatgen([vacant])


def test_dummies_are_refused() -> None:
    structure = Structure(Lattice.cubic(4), ["Mg", DummySpecies("X")], np.eye(3)[:2] / 2)
    with pytest.raises(HostError, match=r"site 2 \(X.*\): it is no element"):
        from_pymatgen([structure])


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (molecule("H2O"), "it has no cell"),
        (Atoms("Mg", cell=[4, 4, 0], pbc=True), "zero volume"),
        (Atoms("Mg", cell=[4, 4, 9], pbc=(True, True, False)), "periodic in 2 of three directions"),
    ],
)
def test_what_is_not_periodic_is_refused(atoms: Atoms, message: str) -> None:
    with pytest.raises(HostError, match=message):
        from_ase([atoms])


def test_positions_of_atoms_become_fractions_of_a_skew_cell() -> None:
    atoms = bulk("MgO", "rocksalt", a=4.2)
    atoms.rattle(0.1, seed=1)
    batch = from_ase([atoms])
    assert batch.frac_coords == pytest.approx(atoms.get_scaled_positions(wrap=False), abs=1e-12)
    assert batch.cart_coords == pytest.approx(atoms.positions, abs=1e-12)
