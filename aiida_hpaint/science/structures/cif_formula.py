"""Number of sites of an element that the formula of a CIF has and its list of sites lacks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from os import PathLike

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import ISOTOPES, get_symbol, is_element
from aiida_hpaint.science.structures.errors import HostError, make_host_error
from aiida_hpaint.science.structures.reading import expand_record, read_records

_PAIR = re.compile(r"([A-Z][a-z]?)(\d+\.?\d*|\.\d+|)")
_WHOLE = 1e-6
_BY_HAND = "Say how many to add, for example H:4"


def count_missing_from_formula(
    source: str | PathLike[str] | StructureBatch, symbol: str = "H"
) -> dict[str, int]:
    """Count the sites of an element that its CIF's formula has and the structure has not.

    Compares `_chemical_formula_sum` times `_cell_formula_units_Z` with the sites that are there.
    Without Z, it is the ratio of the counts of the other elements, if all of them agree on one
    whole number. Deuterium and tritium count as hydrogen.

    Parameters
    ----------
    source : path or StructureBatch
        A CIF with one structure, or a batch of one structure that was read from a CIF.
    symbol : str
        The element to count.

    Returns
    -------
    dict
        The element and how many of it are missing (zero if the sites are complete).

    Raises
    ------
    HostError
        If the count is not defined: no formula, no Z, a fraction, or sites that contradict it.
    """
    host = source if isinstance(source, StructureBatch) else _only(source)
    if len(host) != 1:
        raise ValueError(f"{len(host)} structures: count them one at a time")
    label, metadata = host.labels[0], host.metadata[0]
    formula = _parse_formula(label, metadata.get("formula"))
    present = Counter(get_symbol(number) for number in host.numbers.tolist())
    units = _formula_units(label, metadata.get("units"), formula, present, symbol)
    wanted = formula.get(symbol, 0.0) * units
    if abs(wanted - round(wanted)) > _WHOLE:
        raise make_host_error(
            label,
            f"its formula gives {wanted:g} {symbol} per cell, which is no whole number",
            _BY_HAND,
        )
    missing = round(wanted) - present[symbol]
    if missing < 0:
        reason = f"it has {present[symbol]} {symbol} and its formula only {round(wanted)}"
        raise make_host_error(label, reason, "Correct formula, Z or sites in the CIF")
    return {symbol: missing}


def _only(path: str | PathLike[str]) -> StructureBatch:
    outcomes = read_records(path)
    if len(outcomes) != 1:
        names = [o.label for o in outcomes if not isinstance(o, HostError)]
        remedy = "Count them one at a time: read_hosts, then each structure"
        raise make_host_error(
            str(path), f"it holds {len(outcomes)} structures ({', '.join(names)})", remedy
        )
    if isinstance(outcomes[0], HostError):
        raise outcomes[0]
    return expand_record(outcomes[0])


def _parse_formula(label: str, text: str | None) -> dict[str, float]:
    if not text:
        raise make_host_error(label, "its CIF has no _chemical_formula_sum", _BY_HAND)
    pieces = [_PAIR.findall(word) for word in text.replace(",", " ").split()]
    spelled = ["".join(element + count for element, count in word) for word in pieces]
    counts: dict[str, float] = {}
    for element, count in (pair for word in pieces for pair in word):
        if not is_element(element) or spelled != text.replace(",", " ").split():
            reason = f"its _chemical_formula_sum {text!r} cannot be read"
            raise make_host_error(label, reason, "Write it like 'H2 Mg O2', or say how many to add")
        key = "H" if element in ISOTOPES else element
        counts[key] = counts.get(key, 0.0) + float(count or 1)
    return counts


def _formula_units(
    label: str,
    text: str | None,
    formula: Mapping[str, float],
    present: Mapping[str, int],
    symbol: str,
) -> int:
    elements = sorted({*formula, *present} - {symbol})
    ratios = {e: present.get(e, 0) / formula[e] if formula.get(e) else 0.0 for e in elements}
    fitting = set(ratios.values())
    fit = fitting.pop() if len(fitting) == 1 else None
    sites = " ".join(f"{e}{present.get(e, 0)}" for e in elements) or "none"
    remedy = f"Correct formula, Z or sites in the CIF. {_BY_HAND}"
    if fit is None or fit < 1 or abs(fit - round(fit)) > _WHOLE:
        reason = f"its formula does not fit its other sites ({sites}) with any whole Z"
        raise make_host_error(label, reason, remedy)
    if text is not None and (not text.isdigit() or int(text) != round(fit)):
        reason = f"it has Z = {text}, but its other sites ({sites}) make Z = {round(fit)}"
        raise make_host_error(label, reason, remedy)
    return round(fit)
