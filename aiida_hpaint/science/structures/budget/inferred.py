"""Parents that bond valences give to the H of organic hosts without a budget."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.findings import Findings
from aiida_hpaint.science.structures.budget.parents import UNKNOWN
from aiida_hpaint.science.structures.budget.plausible_sites import place_missing
from aiida_hpaint.science.structures.insertion import remove_inserted
from aiida_hpaint.science.types import IntArray

ORGANIC = ("C", "N")
"""Elements whose H are looked for: bonds of O to metals and hydrogen bonds leave its H open."""


def infer_parents(host: StructureBatch) -> IntArray:
    """Return the (m,) atoms that carry the inserted H of one host, C and N where they are clear.

    The number of H decides together with the valences that atoms lack; see `place_missing`. H with
    an open place, and all sites of hosts without carbon, get -1.
    """
    inserted = np.flatnonzero(host.inserted)
    parents = np.full(len(inserted), UNKNOWN, dtype=np.int64)
    hydrogens = np.flatnonzero(host.numbers[inserted] == 1)
    if not len(hydrogens) or 6 not in host.numbers[~host.inserted]:
        return parents
    cell = CellContent.from_host(remove_inserted(host))
    by_site, _ = place_missing(Findings("H", cell), len(hydrogens), {})
    known = np.flatnonzero(~host.inserted).tolist()
    carrying = [
        site
        for site, label, symbol in zip(known, cell.labels, cell.symbols, strict=True)
        if symbol in ORGANIC
        for _ in range(by_site.get(label, 0))
    ][: len(hydrogens)]
    parents[hydrogens[: len(carrying)]] = carrying
    return parents
