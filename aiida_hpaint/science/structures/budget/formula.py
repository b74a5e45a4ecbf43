"""Evidence of the chemical formulas: sum, moiety and structural."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.formula_text import (
    parse_formula,
    read_formula,
    write_formula,
)
from aiida_hpaint.science.structures.budget.types import Evidence
from aiida_hpaint.science.structures.records import Record

FORMULAS = ("sum", "moiety", "structural")
"""The kinds of formulas, the most reliable first."""

LARGEST_DEVIATION = 0.3
"""Atoms of one element in a formula unit by which sites may differ from a formula with decimals:
analyses count impurities that a list of sites leaves out."""

LARGEST_SHARE = 0.05
"""The same for all elements together, as a share of the atoms."""


DIFFERS = "it differs from the sites"
"""Beginning of what is assumed of a formula that fits only nearly."""

LARGEST_GAP = 0.4
"""Largest share of the atoms of a formula that may be unlisted solvent."""


ORDERED = "formula of the ordered cell"
"""Source of a formula that replaced that of the file when its disorder was ordered."""


class ContradictionError(ValueError):
    """Error of Z or sites that contradict the formula, not only leave out some of its atoms."""


def find_formula_evidence(record: Record, cell: CellContent, symbol: str) -> list[Evidence]:
    """Return what each formula of a record says about the number of sites of an element.

    Evidence without a total is a formula that cannot be used, for the reason that its statement
    gives: certain if it contradicts Z or sites, uncertain if it cannot be read or counts atoms that
    are not listed, such as solvent.
    """
    found = []
    for kind in FORMULAS:
        if record.formulas.get(kind):
            source = "UNIT" if record.format == "shelx" else f"_chemical_formula_{kind}"
            source = ORDERED if _is_of_ordered_cell(record) else source
            try:
                found.append(_read_formula(source, record.formulas[kind], record, cell, symbol))
            except ContradictionError as error:
                found.append(Evidence(source, str(error)))
            except ValueError as error:
                found.append(Evidence(source, str(error), is_certain=False))
    return found


def _is_of_ordered_cell(record: Record) -> bool:
    return bool(record.disorder) and record.units == 1.0 and list(record.formulas) == ["sum"]


def _read_formula(
    source: str, text: str, record: Record, cell: CellContent, symbol: str
) -> Evidence:
    """Return what a formula says by the reading of its dots that fits the sites.

    Raises
    ------
    ValueError
        If none fits: the error of the first.
    """
    readings = read_formula(text)
    found, errors = list[tuple[Mapping[str, float], Evidence]](), list[ValueError]()
    for formula in readings:
        try:
            found.append((formula, _count(source, text, formula, record, cell, symbol)))
        except ValueError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    best, evidence = min(found, key=lambda one: DIFFERS in one[1].assumption)
    if best == readings[0] and _is_plain(text):
        return evidence
    about = f"{source} {text!r} was read as {write_formula(best)}."
    return replace(evidence, assumption=f"{evidence.assumption} {about}".strip())


def _is_plain(text: str) -> bool:
    """Return whether a formula can be read as it stands."""
    try:
        return bool(parse_formula(text))
    except ValueError:
        return False


def _count(
    source: str,
    text: str,
    formula: Mapping[str, float],
    record: Record,
    cell: CellContent,
    symbol: str,
) -> Evidence:
    others = {element: count for element, count in formula.items() if element != symbol}
    present = {e: count for e, count in cell.composition.items() if e != symbol}
    units, assumption = fit_units(others, present, record.units, record.format != "shelx")
    total = formula.get(symbol, 0.0) * units
    # A formula is printed with two decimals or more.
    rounding = 1e-6 if formula.get(symbol, 0.0).is_integer() else min(0.1, 0.005 * units)
    statement = f"{text!r} times {units:g} gives {total:g} {symbol} in the cell"
    if abs(total - round(total)) > rounding:
        raise ValueError(f"{statement}, which is no whole number")
    about = f"{source} {text!r}: {assumption}." if assumption else ""
    return Evidence(source, statement, float(round(total)), assumption=about)


def fit_units(
    formula: Mapping[str, float],
    present: Mapping[str, int],
    units: float | None,
    may_be_cell: bool = True,
) -> tuple[float, str]:
    """Find how many formula units the cell holds.

    Parameters
    ----------
    formula, present
        Number of atoms in the formula and in the cell, without the element to count.
    units
        Z of the record, None if it gives none.
    may_be_cell
        Whether the formula may be that of the whole cell beside Z: of SHELX files, UNIT is divided
        by Z, so that sites that are a part of it lack an inversion or a centring.

    Returns
    -------
    units : float
        Number of formula units.
    assumption : str
        What had to be assumed; empty if Z and formula fit the sites as they are.

    Raises
    ------
    ContradictionError
        If another number than Z fits, or if the sites are not a part of the formula.
    ValueError
        If the formula counts some more atoms.
    """
    if not present and units is None:
        raise ValueError("there is no Z, and no other site to find it from")
    sites = " ".join(f"{element}{count}" for element, count in sorted(present.items()))
    ratios = sorted({float(round(n / formula[e])) for e, n in present.items() if formula.get(e)})
    exact = next((ratio for ratio in ratios if ratio and _fits(formula, present, ratio)), None)
    if units is not None and _fits(formula, present, units):
        return units, ""
    if exact is not None and (units is None or not units.is_integer()):
        given = "no Z is given" if units is None else f"Z = {units:g} is no whole number"
        return exact, f"{given}, and {exact:g} fits the other sites"
    if (
        may_be_cell
        and units
        and exact == 1
        and all((n / units).is_integer() for n in formula.values())
    ):
        return 1.0, f"taken as that of the whole cell, as Z = {units:g} does not fit the sites"
    if exact is not None:
        reason = f"it has Z = {units:g}, but its other sites ({sites}) make {exact:g}"
        if units and not max(units, exact) % min(units, exact):
            reason += ": Z, the cell or the space group (multiplicities) is another one"
        raise ContradictionError(reason)
    for ratio in ratios if units is None else [units]:
        if ratio and _nearly_fits(formula, present, ratio):
            return ratio, f"{DIFFERS} ({sites}) by what analysis or rounding leaves"
    times = f"times Z = {units:g}" if units is not None else "with any whole Z"
    written = write_formula(formula)
    reason = f"the formula ({written}) {times} does not fit its other sites ({sites})"
    if units is not None and _lists_a_part(formula, present, units):
        raise ValueError(f"{reason}: it counts atoms that are not listed")
    raise ContradictionError(reason + _compare_multiplicities(formula, present, units or 1.0))


def _compare_multiplicities(
    formula: Mapping[str, float], present: Mapping[str, int], units: float
) -> str:
    """Return what a wrong space group may explain: simple ratios that differ by element.

    Where operations are wrong, sites on special positions of one group are on general ones of the
    other, so that some elements come out twice as often, or half as often, as others.
    """
    if set(formula) != set(present):
        return ""
    ratios = {e: present[e] / (units * n) for e, n in formula.items()}
    smallest = min(ratios.values())
    times = {e: ratio / smallest for e, ratio in ratios.items()}
    if max(times.values()) > 48 or any(abs(n - round(n)) > 0.01 for n in times.values()):
        return ""
    few = " ".join(e for e, n in sorted(times.items()) if round(n) == 1)
    many = ", ".join(f"{e} {n:.0f} times" for e, n in sorted(times.items()) if round(n) > 1)
    return (
        f"; against {few}, there is {many} as much as the formula says: the space group may be "
        "another one, where these sites have other multiplicities, or sites are split over rows"
    )


def _fits(formula: Mapping[str, float], present: Mapping[str, int], units: float) -> bool:
    """Return whether the sites are those of the formula, within its second decimal."""
    rounding = min(0.45, 0.006 * units) + 1e-6
    return all(
        abs(present.get(element, 0) - units * formula.get(element, 0.0)) <= rounding
        for element in {*formula, *present}
    )


def _nearly_fits(formula: Mapping[str, float], present: Mapping[str, int], units: float) -> bool:
    """Return whether sites and formula differ by less than a few percent."""
    deviations = [
        abs(present.get(element, 0) / units - formula.get(element, 0.0))
        for element in {*formula, *present}
    ]
    share = sum(deviations) * units / sum(present.values())
    return max(deviations) <= LARGEST_DEVIATION and share <= LARGEST_SHARE


def _lists_a_part(formula: Mapping[str, float], present: Mapping[str, int], units: float) -> bool:
    """Return whether the sites are most of the atoms of a formula, and no others."""
    rounding = min(0.45, 0.006 * units) + 1e-6
    has_excess = any(n > units * formula.get(e, 0.0) + rounding for e, n in present.items())
    return not has_excess and sum(present.values()) >= (1 - LARGEST_GAP) * units * sum(
        formula.values()
    )
