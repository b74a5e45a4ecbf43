"""The calcfunctions between a potential and structures with its sites filled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, Int, Str, StructureData

from aiida_hpaint.calculations.symmetrise import batch_of
from aiida_hpaint.data.structure_batch import StructureBatchData, to_structure
from aiida_hpaint.electrostatics.grid import PotentialGrid
from aiida_hpaint.electrostatics.peaks import find_sites
from aiida_hpaint.electrostatics.pinball import choose_sites
from aiida_hpaint.electrostatics.placing import place_sites
from aiida_hpaint.settings import PeaksSettings, PinballSettings

__all__ = ["arrange_sites", "find_peaks", "take_arrangement"]

_PARSED = ("data", "voxel", "data_units", "coordinates_units")
"""Arrays that aiida-quantumespresso parses of what pp.x writes."""


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
    for name in ("frac_coords", "energies", "orbits", "permutations"):
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
        `arrangements`, a StructureBatchData with a structure for each, the lowest first. Scalars:
        `energy_pinball` (eV) and `exact`, whether it is proved that none is missing between them.
    """
    positions = sites.get_array("frac_coords")
    pinball = PinballSettings.model_validate(settings.get_dict())
    chosen = choose_sites(
        positions,
        sites.get_array("energies"),
        np.asarray(structure.cell),
        min(count.value, len(positions)),
        pinball,
        sites.get_array("permutations"),
    )
    samples = place_sites(
        batch_of(structure), positions, chosen.chosen, element.value, pinball.nudge
    )
    exact = np.full(len(samples), chosen.exact)
    return {
        "arrangements": StructureBatchData(
            samples.with_scalars(energy_pinball=chosen.energies, exact=exact)
        )
    }


@calcfunction
def take_arrangement(arrangements: StructureBatchData, row: Int) -> StructureData:
    """One of the arrangements."""
    structure: StructureData = to_structure(arrangements.batch[row.value])
    return structure
