from __future__ import annotations

import numpy as np
import pytest
import spglib
from ase.build import bulk

pytestmark = pytest.mark.usefixtures("profile")


def test_a_nearly_symmetric_structure_becomes_so_and_keeps_what_it_knows() -> None:
    from aiida.orm import Float, StructureData

    from aiida_hpaint.calculations.symmetrise import symmetrise_structure
    from aiida_hpaint.data.structure_batch import read_structure

    atoms = bulk("LiH", "rocksalt", a=4.02)
    rng = np.random.default_rng(4)
    atoms.positions += rng.normal(0, 1e-3, (2, 3))
    atoms.set_cell(atoms.cell + rng.normal(0, 1e-4, (3, 3)))
    structure = StructureData(ase=atoms)
    structure.label = "mine"
    structure.base.attributes.set("hpaint", {"inserted": [1], "label": "mine", "rank": 3})
    exact = symmetrise_structure(structure, Float(0.01))
    assert exact.label == "mine"
    assert exact.base.attributes.get("hpaint")["rank"] == 3
    assert exact.creator.inputs.structure.uuid == structure.uuid
    assert exact.get_kind_names() == ["Li", "H"]
    batch = read_structure(exact)
    assert batch.inserted.tolist() == [False, True]
    crystal = (batch.cells[0], batch.frac_coords, batch.numbers)
    assert len(spglib.get_symmetry(crystal, symprec=1e-6)["rotations"]) == 48
    np.testing.assert_allclose(exact.get_cell_volume(), structure.get_cell_volume(), rtol=1e-9)
    moved = [site.position for site in exact.sites] - atoms.positions
    assert np.abs(moved - moved.mean(0)).max() < 0.01


def test_a_structure_without_symmetry_stays() -> None:
    from aiida.orm import Float, StructureData

    from aiida_hpaint.calculations.symmetrise import symmetrise_structure

    atoms = bulk("LiH", "rocksalt", a=4.02)
    atoms.positions[1] += [0.1, 0.2, 0.3]
    exact = symmetrise_structure(StructureData(ase=atoms), Float(0.01))
    np.testing.assert_allclose([s.position for s in exact.sites], atoms.positions, atol=1e-9)
    np.testing.assert_allclose(exact.cell, np.array(atoms.cell), atol=1e-9)
    assert "hpaint" not in exact.base.attributes.all
