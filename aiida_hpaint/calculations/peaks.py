"""Calcfunctions from a potential to structures with atoms at its maxima."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, Int, Str, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData, read_structure, to_structure
from aiida_hpaint.science.electrostatics import placement as placing
from aiida_hpaint.science.electrostatics.grid import PotentialGrid
from aiida_hpaint.science.electrostatics.peaks import Sites, find_sites
from aiida_hpaint.science.settings import PeaksSettings, PinballSettings

__all__ = ["arrange_sites", "find_peaks", "take_arrangement"]

_PARSED = ("data", "voxel", "data_units", "coordinates_units")
"""Arrays that aiida-quantumespresso parses from the output of pp.x."""

_SITES = ("frac_coords", "energies", "orbits", "permutations")
"""Fields of `Sites` that are stored as arrays, in their order."""


@calcfunction
def find_peaks(structure: StructureData, potential: ArrayData, settings: Dict) -> dict[str, Any]:
    """Find sites at maxima of a potential that pp.x returned (`plot_num` 11).

    Returns
    -------
    mapping
        `sites`, an ArrayData with `frac_coords` (M, 3), `energies` (M,) of an electron in eV,
        the highest first, `orbits` (M,) and `permutations` (G, M); its attribute `dropped` has
        the number of maxima that were left out for each reason.
    """
    arrays = {name: potential.get_array(name) for name in _PARSED}
    grid = PotentialGrid.from_pp(**arrays, cell=structure.cell)
    peaks = PeaksSettings.model_validate(settings.get_dict())
    batch = read_structure(structure)
    # Atoms that earlier rounds have placed are known ones.
    host = replace(batch, inserted=np.zeros(batch.n_sites, dtype=np.bool_))
    found = find_sites(grid, host, peaks)
    sites = ArrayData()
    for name in _SITES:
        sites.set_array(name, np.asarray(getattr(found, name)))
    sites.base.attributes.set("dropped", {key: int(n) for key, n in found.dropped.items()})
    return {"sites": sites}


@calcfunction
def arrange_sites(
    structure: StructureData, sites: ArrayData, count: Int, element: Str, settings: Dict
) -> dict[str, Any]:
    """Place atoms in the lowest arrangements of `count` sites, or at all sites if there are fewer.

    Returns
    -------
    mapping
        `arrangements`, a StructureBatchData with one structure for each, the lowest first; see
        `aiida_hpaint.science.electrostatics.placement.place_lowest_arrangements`.
    """
    frac_coords, energies, orbits, permutations = map(sites.get_array, _SITES)
    places = Sites(frac_coords, energies, orbits, permutations)
    pinball = PinballSettings.model_validate(settings.get_dict())
    host = read_structure(structure)
    return {
        "arrangements": StructureBatchData(
            placing.place_lowest_arrangements(host, places, element.value, count.value, pinball)
        )
    }


@calcfunction
def take_arrangement(arrangements: StructureBatchData, row: Int) -> StructureData:
    """Return one of the arrangements."""
    structure: StructureData = to_structure(arrangements.batch[row.value])
    return structure
