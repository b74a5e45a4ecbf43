"""Evidence of oxidation numbers: how many H+ make the listed charges neutral."""

from __future__ import annotations

import math

from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.types import Evidence
from aiida_hpaint.science.structures.records import Record


def find_charge_evidence(record: Record, cell: CellContent) -> list[Evidence]:
    """Return what the oxidation numbers of the file say, if it gives them for all other sites."""
    sites = [s for s in record.sites if s.label in cell.counts and cell.elements[s.label] != "H"]
    charges = [site.charge for site in sites if site.charge is not None]
    if len(charges) < len(sites) or not any(charges):
        return []
    total = -math.fsum(
        charge * cell.counts[site.label] for site, charge in zip(sites, charges, strict=True)
    )
    if total < 0 or abs(total - round(total)) > 0.1:
        return []
    states = dict.fromkeys(f"{cell.elements[s.label]}{s.charge:+g}" for s in sites)
    needed = round(total, 2) + 0.0  # without the sign of zero
    statement = f"{' '.join(states)} need {needed:g} H+ in the cell"
    return [Evidence("oxidation numbers", statement, float(round(needed)), is_certain=False)]
