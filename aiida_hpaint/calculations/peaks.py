"""The calcfunctions between a potential and structures with its sites filled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, Int, Str, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData, batch_of, to_structure
from aiida_hpaint.science.electrostatics import placing
from aiida_hpaint.science.electrostatics.grid import PotentialGrid
from aiida_hpaint.science.electrostatics.peaks import find_sites
from aiida_hpaint.science.electrostatics.sites import Sites
from aiida_hpaint.science.settings import PeaksSettings, PinballSettings

__all__ = ["arrange_sites", "find_peaks", "take_arrangement"]

_PARSED = ("data", "voxel", "data_units", "coordinates_units")
"""Arrays that aiida-quantumespresso parses of what pp.x writes."""

_SITES = ("frac_coords", "energies", "orbits", "permutations")
"""Arrays of `Sites`, in the order of its fields."""


@calcfunction
def find_peaks(structure: StructureData, potential: ArrayData, settings: Dict) -> dict[str, Any]:
    """Sites that the potential offers, from what pp.x returned (`plot_num` 11).

    Returns
    -------
    mapping
        `sites`, an ArrayData with `frac_coords` (M, 3), `energies` (M,) of an electron in eV,
        the highest first, `orbits` (M,) and `permutations` (G, M); its attribute `dropped` says
        how many maxima were left out, and why.
    """
    arrays = {name: potential.get_array(name) for name in _PARSED}
    grid = PotentialGrid.from_pp(**arrays, cell=structure.cell)
    wanted = PeaksSettings.model_validate(settings.get_dict())
    batch = batch_of(structure)
    # What earlier rounds have placed is there.
    host = replace(batch, inserted=np.zeros(batch.n_sites, dtype=np.bool_))
    found = find_sites(grid, host, wanted)
    sites = ArrayData()
    for name in _SITES:
        sites.set_array(name, np.asarray(getattr(found, name)))
    sites.base.attributes.set("dropped", {key: int(n) for key, n in found.dropped.items()})
    return {"sites": sites}


@calcfunction
def arrange_sites(
    structure: StructureData, sites: ArrayData, count: Int, element: Str, settings: Dict
) -> dict[str, Any]:
    """The lowest arrangements of `count` of the sites, or of all of them where there are fewer.

    Returns
    -------
    mapping
        `arrangements`, a StructureBatchData with a structure for each, the lowest first; see
        `aiida_hpaint.science.electrostatics.placing.arrange_sites`.
    """
    frac_coords, energies, orbits, permutations = map(sites.get_array, _SITES)
    places = Sites(frac_coords, energies, orbits, permutations)
    pinball = PinballSettings.model_validate(settings.get_dict())
    host = batch_of(structure)
    return {
        "arrangements": StructureBatchData(
            placing.arrange_sites(host, places, element.value, count.value, pinball)
        )
    }


@calcfunction
def take_arrangement(arrangements: StructureBatchData, row: Int) -> StructureData:
    """One of the arrangements."""
    structure: StructureData = to_structure(arrangements.batch[row.value])
    return structure
