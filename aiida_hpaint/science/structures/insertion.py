"""Sites to insert: adding them to hosts, and removing known ones for benchmarks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.checks import DEFAULT_LIMITS, HostLimits, find_overfull_cell
from aiida_hpaint.science.structures.elements import (
    ISOTOPES,
    get_atomic_number,
    hint_at_symbol,
    is_element,
)
from aiida_hpaint.science.structures.errors import HostError, HostProblem, make_host_error
from aiida_hpaint.science.types import BoolArray

Insert = Mapping[str, int] | str
"""How many sites of which elements: `{"H": 4}`, or as text `"H:4,Li:1"`."""

ISOTOPE = "inserted_isotope"
"""Key in the metadata of hosts whose inserted H are D or T."""

_PAIR = re.compile(r"\s*([A-Za-z]+)\s*:\s*(-?[0-9.]+)\s*")


def parse_insert(text: str) -> dict[str, int]:
    """Read the numbers of sites to insert from text such as `H:4` or `H:4,Li:1`.

    Raises
    ------
    ValueError
        If the text has another form, repeats an element, or names an unknown element or a count
        that is negative or not whole.
    """
    counts: dict[str, int] = {}
    for part in text.split(","):
        match = _PAIR.fullmatch(part)
        if match is None:
            raise ValueError(
                f"cannot read {part!r} in {text!r}: write element:count, like H:4,Li:1"
                f"{_suggest_pair(part)}"
            )
        symbol = match[1]
        if symbol in counts:
            raise ValueError(f"{symbol} is given twice in {text!r}: give its total once")
        number = float(match[2]) if match[2].count(".") < 2 else float("nan")
        counts.update(_checked({symbol: int(number) if number.is_integer() else number}))
    return _checked(counts)


def _suggest_pair(text: str) -> str:
    """Return a question with what text such as `2`, `H2` or `4:H` most likely means, or nothing."""
    found = re.fullmatch(r"\s*([A-Za-z]*)\W*(\d+)\s*|\s*(\d+)\W*([A-Za-z]+)\s*", text)
    if found is None:
        return ""
    symbol = (found[1] or found[4] or "H").capitalize()
    number = found[2] or found[3]
    return f". Did you mean {symbol}:{number}?" if is_element(symbol) else ""


def add_sites(
    hosts: StructureBatch,
    insert: Insert | Sequence[Insert],
    limits: HostLimits = DEFAULT_LIMITS,
) -> StructureBatch:
    """Add sites to insert to hosts: after the host's sites, with NaN as their positions.

    Parameters
    ----------
    hosts : StructureBatch
        The hosts; their own sites stay as they are.
    insert : mapping or text, or one of them for each host
        How many sites of which elements.
    limits : HostLimits
        How many fit.

    Raises
    ------
    ValueError
        If `insert` itself is wrong (see `parse_insert`) or not one for each host.
    HostError
        If there is nothing to add to a host, or more than fits; all hosts are looked at.
    """
    each = _per_host(insert, len(hosts))
    filled, problems = [], list[HostProblem]()
    for one, counts in zip(hosts, each, strict=True):
        try:
            filled.append(add_sites_to_one(one, counts, limits))
        except HostError as error:
            problems.extend(error.problems)
    if problems:
        raise HostError(problems)
    return concatenate(filled) if filled else hosts


def add_sites_to_one(
    one: StructureBatch, counts: Mapping[str, int], limits: HostLimits
) -> StructureBatch:
    """Add sites to insert to a single host."""
    numbers = [get_atomic_number(symbol) for symbol, count in counts.items() for _ in range(count)]
    label = one.labels[0]
    if not numbers:
        asked = ", ".join(f"{symbol}:{count}" for symbol, count in counts.items()) or "nothing"
        raise make_host_error(
            label, f"there are no sites to add ({asked})", "Add at least one, like H:4"
        )
    count = len(numbers)
    filled = replace(
        one,
        site_counts=one.site_counts + count,
        numbers=np.concatenate([one.numbers, numbers]),
        frac_coords=np.concatenate([one.frac_coords, np.full((count, 3), np.nan)]),
        inserted=np.concatenate([one.inserted, np.ones(count, dtype=np.bool_)]),
    )
    crowding = tuple(find_overfull_cell(filled, limits))
    if crowding:
        raise HostError(crowding)
    return filled


def remove_sites(
    structures: StructureBatch, symbol: str = "H"
) -> tuple[StructureBatch, StructureBatch]:
    """Turn complete structures into hosts without an element, and references with it.

    Parameters
    ----------
    structures : StructureBatch
        Complete structures.
    symbol : str
        Element whose sites are removed.

    Returns
    -------
    hosts : StructureBatch
        The sites of the element come last, marked as inserted, their positions NaN.
    references : StructureBatch
        The same sites in the same order, with the positions that they have.

    Raises
    ------
    HostError
        If a structure has no such site, or no other.
    """
    removed = structures.numbers == get_atomic_number(symbol)
    _check_removal(structures, removed, symbol)
    order = np.lexsort((np.arange(len(removed)), removed, structures.owners))
    references = replace(
        structures,
        numbers=structures.numbers[order],
        frac_coords=structures.frac_coords[order],
        inserted=removed[order],
    )
    coords = np.where(references.inserted[:, None], np.nan, references.frac_coords)
    return references.with_coords(coords), references


def remove_inserted(structures: StructureBatch) -> StructureBatch:
    """Remove all sites that are inserted or to be inserted."""
    kept = ~structures.inserted
    return replace(
        structures,
        site_counts=structures.site_counts - structures.insert_counts,
        numbers=structures.numbers[kept],
        frac_coords=structures.frac_coords[kept],
        inserted=structures.inserted[kept],
    )


def _check_removal(structures: StructureBatch, removed: BoolArray, symbol: str) -> None:
    counts = np.bincount(structures.owners[removed], minlength=len(structures))
    problems = []
    for index in np.flatnonzero((counts == 0) | (counts == structures.site_counts)).tolist():
        reason = f"it has {'nothing but' if counts[index] else 'no'} {symbol}"
        remedy = "Leave it out"
        problems.append(HostProblem(structures.labels[index], reason, remedy))
    if problems:
        raise HostError(problems)


def _per_host(insert: Insert | Sequence[Insert], count: int) -> list[dict[str, int]]:
    if isinstance(insert, str | Mapping):
        return [validate_insert(insert)] * count
    each = [validate_insert(one) for one in insert]
    if len(each) != count:
        raise ValueError(
            f"{len(each)} entries of sites to insert for {count} hosts: give one per host"
        )
    return each


def validate_insert(insert: Insert) -> dict[str, int]:
    """Return numbers of sites to insert, or raise ValueError if they are none."""
    return parse_insert(insert) if isinstance(insert, str) else _checked(insert)


def _checked(counts: Mapping[str, float]) -> dict[str, int]:
    for symbol, count in counts.items():
        if not is_element(symbol):
            raise ValueError(f"{symbol!r} is no element: {hint_at_symbol(symbol)}")
        if isinstance(count, bool) or not float(count).is_integer():
            raise ValueError(f"{symbol}:{count} is no whole number: write {symbol}:4 for four")
        if count < 0:
            raise ValueError(f"{symbol}:{count} is negative: give how many to add")
    isotopes = [symbol for symbol in counts if symbol in ("H", *ISOTOPES)]
    if len(isotopes) > 1:
        raise ValueError(f"{' and '.join(isotopes)} are one element: insert one isotope at a time")
    return {symbol: int(count) for symbol, count in counts.items()}


def split_isotope(counts: Mapping[str, int]) -> tuple[dict[str, int], str]:
    """Return the numbers of sites to insert with isotopes as H, and the isotope; empty for none."""
    isotope = next((symbol for symbol in counts if symbol in ISOTOPES), "")
    return {"H" if symbol == isotope else symbol: n for symbol, n in counts.items()}, isotope
