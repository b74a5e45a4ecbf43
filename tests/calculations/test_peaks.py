from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase.units import Bohr, Rydberg
from potentials import ions

FCC = 2.04 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
ATOMS = np.array([[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]])

pytestmark = pytest.mark.usefixtures("profile")


def potential(**arrays: Any) -> Any:
    """What aiida-quantumespresso parses of pp.x, for one ion."""
    from aiida.orm import ArrayData

    grid = ions(FCC, ATOMS[:1], [1], (24, 24, 24))
    node = ArrayData()
    parsed = {
        "data": grid.values / Rydberg,
        "voxel": np.round(grid.voxel / Bohr, 6),
        "data_units": np.array("Ry"),
        "coordinates_units": np.array("bohr"),
        **arrays,
    }
    for name, values in parsed.items():
        node.set_array(name, values)
    return node


def structure(inserted: list[int]) -> Any:
    from aiida.orm import StructureData

    node = StructureData(cell=FCC.tolist())
    for symbol, frac in zip(("Li", "H"), ATOMS, strict=True):
        node.append_atom(position=(frac @ FCC).tolist(), symbols=symbol)
    node.base.attributes.set("hpaint", {"inserted": inserted})
    return node


def find(**arrays: Any) -> Any:
    from aiida.orm import Dict

    from aiida_hpaint.calculations.peaks import find_peaks

    return find_peaks(structure([1]), potential(**arrays), Dict({}))["sites"]


def test_sites_that_were_placed_before_count_as_atoms() -> None:
    sites = find()
    # The octahedron is taken, the tetrahedra are left.
    assert sites.base.attributes.get("dropped")["too close to an atom"] == 1
    assert len(sites.get_array("energies")) == 2
    assert sites.get_array("permutations").shape[1] == 2


def test_potentials_in_other_units_or_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="not in Ry"):
        find(data_units=np.array("e/bohr^3"))
    with pytest.raises(ValueError, match="FFT grid"):
        find(voxel=FCC / 23 / Bohr)
