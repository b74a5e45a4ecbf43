"""Numbers of H on the listed C and N of a record, by the directions of their bonds."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.geometric.bonds import Bonds
from aiida_hpaint.science.structures.geometric.counts import count_by_bonds, count_room


def count_on_organic(cell: CellContent) -> dict[str, int]:
    """Return how many H an atom of each listed C or N carries, with listed ones, where it is clear.

    All atoms of the site have to agree.
    """
    if "C" not in cell.symbols:
        return {}
    host = cell.host
    bonds = Bonds.find(host.cells[0], host.numbers, host.frac_coords, host.numbers != 1)
    found: dict[str, set[int | None]] = {}
    for site in np.flatnonzero(np.isin(host.numbers, (6, 7))).tolist():
        number = count_by_bonds(int(host.numbers[site]), bonds.list_neighbours(site))
        found.setdefault(cell.labels[site], set()).add(number)
    return {
        label: number
        for label, numbers in found.items()
        if len(numbers) == 1 and (number := next(iter(numbers))) is not None
    }


def find_room_on_nitrogen(cell: CellContent) -> dict[str, int]:
    """Return how many H an atom of each listed N has room for beside its other bonds."""
    host = cell.host
    bonds = Bonds.find(host.cells[0], host.numbers, host.frac_coords, host.numbers != 1)
    room: dict[str, int] = {}
    for site in np.flatnonzero(host.numbers == 7).tolist():
        label = cell.labels[site]
        room[label] = max(room.get(label, 0), count_room(bonds.list_neighbours(site)))
    return room
