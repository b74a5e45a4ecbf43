"""Tasks of a user's graph, before and after a restoration."""

from __future__ import annotations

from aiida.engine import calcfunction
from aiida.orm import Data, Dict, Int, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData

__all__ = ["count_samples", "make_host", "relax_elsewhere"]


@calcfunction
def make_host(number: Int) -> StructureData:
    """Magnesium oxide in a cell that has room for hydrogen."""
    structure = StructureData(cell=[[4.2, 0, 0], [0, 4.2, 0], [0, 0, 4.2]])
    for position, symbol in (((0, 0, 0), "Mg"), ((2.1, 0, 0), "O")):
        structure.append_atom(position=position, symbols=symbol)
    structure.label = "host"
    return structure


@calcfunction
def count_samples(samples: StructureBatchData) -> Int:
    return Int(len(samples))


@calcfunction
def relax_elsewhere(structure: StructureData) -> dict[str, Data]:
    """Move nothing, and take the height of the last site for the energy (eV)."""
    height = structure.sites[-1].position[2]
    return {"end": structure.clone(), "results": Dict({"energy": height})}
