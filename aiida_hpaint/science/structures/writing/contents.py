"""Formula, weight and cell of a CIF, corrected where the restored crystal has others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import ISOTOPES, is_element
from aiida_hpaint.science.structures.writing.cif_items import LoopTable, find_value, set_value
from aiida_hpaint.science.structures.writing.cif_text import (
    format_formula,
    format_number,
    quote_text,
)

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["edit_atom_types", "edit_cell", "edit_formula"]

_PAIR = re.compile(r"([A-Z][a-z]?)(\d+\.?\d*|\.\d+|)")
_SAME_RATIO = 1e-3
_ISOTOPE_MASSES = {"D": 2.01410178, "T": 3.01604928}  # Wang et al., Chin. Phys. C 41, 030003 (2017)


def edit_formula(
    block: cif.Block,
    counts: Counter[str],
    inserted: Collection[str] = (),
    units: float | None = None,
) -> tuple[str, ...]:
    """Correct formula and weight where the formula is not that of the sites; say so.

    Parameters
    ----------
    counts
        Number of atoms of each element or isotope in the cell.
    inserted
        Elements or isotopes of the inserted sites.
    units
        Number of formula units (Z) where the block gives none, as of SHELX files.
    """
    name = "_chemical_formula_sum"
    text = find_value(block, name)
    missed = set(inserted) & set(ISOTOPES) - {symbol for symbol, _ in _PAIR.findall(text or "")}
    if text is not None and _fits(text, counts) and not missed:
        return ()
    given = _parse_units(find_value(block, "_cell_formula_units_Z")) if text else round(units or 0)
    units = int(np.gcd.reduce(list(counts.values())))
    if given and all(count % given == 0 for count in counts.values()):
        units = given
    formula = {symbol: count / units for symbol, count in counts.items()}
    set_value(block, name, quote_text(format_formula(formula)))
    set_value(block, "_cell_formula_units_Z", str(units))
    weight = _weigh(formula)
    if text is None or find_value(block, "_chemical_formula_weight") is not None:
        set_value(block, "_chemical_formula_weight", format_number(weight, 2))
    if text is None:
        return ()
    return (
        f"The formula of the source ({text}) is not that of the sites: it was corrected, with Z "
        "and weight; other values that follow from it, such as the density, are those of the "
        "source.",
    )


def edit_cell(block: cif.Block, structure: StructureBatch) -> None:
    """Write lengths, angles and volume of the cell."""
    from pymatgen.core import Lattice

    lattice = Lattice(structure.cells[0])
    lengths = zip(("length_a", "length_b", "length_c"), lattice.abc, strict=True)
    angles = zip(("angle_alpha", "angle_beta", "angle_gamma"), lattice.angles, strict=True)
    for name, value in (*lengths, *angles):
        set_value(block, f"_cell_{name}", format_number(float(value), 6))
    set_value(block, "_cell_volume", format_number(float(lattice.volume), 4))


def edit_atom_types(block: cif.Block, counts: Counter[str], inserted: Collection[str]) -> None:
    """Add the elements of inserted sites to the list of atom types, if there is one.

    Parameters
    ----------
    counts
        Number of atoms of each element or isotope in the cell.
    inserted
        Elements or isotopes of the inserted sites.
    """
    table = LoopTable.find(block, "_atom_type_", "symbol")
    if not len(table):
        return
    known = {re.sub(r"[^A-Za-z].*", "", text).capitalize() for text in table.texts("symbol")}
    for symbol in sorted(inserted):
        if symbol not in known:
            table.append({"symbol": symbol, "description": symbol})
    if "number_in_cell" in table.columns:
        symbols = table.texts("symbol")
        if all(symbol in counts for symbol in symbols):
            table.add_column("number_in_cell", [str(counts[symbol]) for symbol in symbols])
    table.write()


def _fits(formula: str, counts: Counter[str]) -> bool:
    """Return whether a formula has the elements of the cell in their ratio."""
    wanted: Counter[str] = Counter()
    for symbol, number in _PAIR.findall(formula):
        if is_element(symbol):
            wanted["H" if symbol in ISOTOPES else symbol] += float(number or 1)  # type: ignore[assignment]
    found: Counter[str] = Counter()
    for symbol, count in counts.items():
        found["H" if symbol in ISOTOPES else symbol] += count
    if set(wanted) != set(found):
        return False
    ratios = [found[symbol] / wanted[symbol] for symbol in found if wanted[symbol]]
    return max(ratios) - min(ratios) < _SAME_RATIO * max(ratios)


def _parse_units(text: str | None) -> int | None:
    found = re.match(r"\d+", text or "")
    return int(found.group()) if found else None


def _weigh(formula: dict[str, float]) -> float:
    from ase.data import atomic_masses, atomic_numbers

    return sum(
        (_ISOTOPE_MASSES.get(symbol) or float(atomic_masses[atomic_numbers[symbol]])) * number
        for symbol, number in formula.items()
    )
