"""Evidence of the labels of sites: O-H, Oh and OH1 carry one H, Wat, Ow and H2O two, NH4 four.

Labels of this kind are the custom of the American Mineralogist Crystal Structure Database and of
zeolite and mineral papers. Those that could also be a number (OH2: water, or the second hydroxyl)
or a custom of numbering (W1) have several readings, or may mean nothing.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.types import Evidence


@dataclass(frozen=True)
class LabelReading:
    """What a label may say.

    Attributes
    ----------
    options
        Numbers of H on the atom, the most likely first.
    is_certain
        False where the label may also say nothing about H.
    """

    options: tuple[int, ...]
    is_certain: bool = True


_READINGS: dict[str, tuple[tuple[re.Pattern[str], LabelReading], ...]] = {
    symbol: tuple((re.compile(pattern), reading) for pattern, reading in readings)
    for symbol, readings in {
        "O": (
            (r"(?i:h3o|ohm|oxonium)", LabelReading((3,))),
            (r"(?i:o?-?\(?(wat|h2o|aq))", LabelReading((2,))),
            (r"(?i:o[-_(]h2(?![0-9]))", LabelReading((1, 2))),
            (r"(?i:o[-_(]h)", LabelReading((1,))),
            (r"O[Hh]2(?![0-9])", LabelReading((2, 1))),
            (r"O[Hh]3(?![0-9])", LabelReading((1, 3))),
            (r"O[Hh]", LabelReading((1,))),
            (r"(?i:o?[-_(]?w(?![a-z]{2}))|(?i:o\d{1,3}_?w)", LabelReading((2,), False)),
            (r"O\d{1,3}H", LabelReading((1,), False)),
        ),
        "N": (
            (r"(?i:n-?\(?h4|amm)", LabelReading((4,))),
            (r"N-?\(?[Hh]3(?![0-9])", LabelReading((3, 1), False)),
            (r"N-?\(?[Hh]2(?![0-9])", LabelReading((2, 1), False)),
            (r"N-?\(?[Hh](?![a-z])", LabelReading((1,), False)),
        ),
        "C": (
            (r"C-?[Hh]3(?![0-9])", LabelReading((3, 1), False)),
            (r"C-?[Hh]2(?![0-9])", LabelReading((2, 1), False)),
            (r"C-?[Hh](?![a-z])", LabelReading((1,), False)),
        ),
    }.items()
}

_MOST_COMBINATIONS = 4096


_NUMBERED = re.compile(r"[A-Z][a-z]?0[0-9A-Z]{2}")
"""O00H is number 17 of SHELXT, which counts with digits and letters."""


def read_label(symbol: str, label: str) -> LabelReading | None:
    """Return what a label says about the H on a site of an element; None if nothing."""
    if _NUMBERED.fullmatch(label):
        return None
    return next(
        (reading for pattern, reading in _READINGS.get(symbol, ()) if pattern.match(label)), None
    )


def find_label_evidence(
    cell: CellContent, missing: int | None, names: Mapping[str, str] | None = None
) -> list[Evidence]:
    """Return what the labels of the sites say about missing H.

    Parameters
    ----------
    cell
        The cell of a record; H that it holds already is subtracted.
    missing
        Number of missing H by other evidence, which chooses among several readings; None if there
        is none: only labels of one meaning then count.
    names
        Label in the file of the sites that have another one in an ordered record: the part h of a
        site O is no hydroxyl.

    Returns
    -------
    list of Evidence
        One for the labels that are certain (or are if the number chooses them), and one for those
        that are not. Labels that say that nothing is missing are no evidence.
    """
    readings = {
        label: reading
        for label, symbol in cell.elements.items()
        if (reading := read_label(symbol, (names or {}).get(label, label))) is not None
    }
    lacking = {
        label: tuple(max(0, n - round(cell.hydrogens.get(label, 0.0))) for n in reading.options)
        for label, reading in readings.items()
    }
    lacking = {label: options for label, options in lacking.items() if any(options)}
    certain = {label: options for label, options in lacking.items() if readings[label].is_certain}
    if missing is not None:
        for chosen in (lacking, certain):
            found = _choose(chosen, cell.counts, missing)
            if found is not None:
                return [_make_evidence(found, cell, is_certain=True)]
    clear = {label: o[0] for label, o in certain.items() if len(set(o)) == 1}
    unclear = {label: options[0] for label, options in lacking.items() if label not in clear}
    return [
        _make_evidence(by_site, cell, is_certain)
        for by_site, is_certain in ((clear, True), (unclear, False))
        if by_site
    ]


def _choose(
    lacking: Mapping[str, tuple[int, ...]], counts: Mapping[str, int], missing: int
) -> dict[str, int] | None:
    """Return the first combination of readings that adds up to a number."""
    size = math.prod(len(options) for options in lacking.values())
    if not lacking or size > _MOST_COMBINATIONS:
        return None
    for chosen in itertools.product(*lacking.values()):
        by_site = dict(zip(lacking, chosen, strict=True))
        if sum(counts[label] * n for label, n in by_site.items()) == missing:
            return by_site
    return None


def _make_evidence(by_site: Mapping[str, int], cell: CellContent, is_certain: bool) -> Evidence:
    missing = sum(cell.counts[label] * n for label, n in by_site.items())
    listed = ", ".join(f"{label} {n}" for label, n in by_site.items())
    kept = {label: n for label, n in by_site.items() if n}
    return Evidence(
        "labels" if is_certain else "labels with several meanings",
        f"missing H on each atom: {listed}; {missing} in the cell",
        float(missing + cell.count_listed("H")),
        kept,
        is_certain=is_certain,
    )
