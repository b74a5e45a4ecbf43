"""Structures in notebooks: tables with pictures, crystals in 3D, and tables of pandas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.viewer import CrystalView
from aiida_hpaint.science.wording import format_count

if TYPE_CHECKING:
    import pandas as pd

    from aiida_hpaint.science.structures.batch import StructureBatch

__all__ = [
    "as_picture",
    "format_formula",
    "format_table",
    "summarise_structures",
    "tabulate_scalars",
    "tabulate_structures",
    "view",
]

_MOST_ROWS = 10
_MOST_PICTURES = 4
_MOST_IN_3D = 20
_MOST_NAMED = 3


def view(structures: StructureBatch, height: int = 480) -> CrystalView:
    """Return structures in 3D, one at a time; those with sites that have no position are left out.

    Parameters
    ----------
    height
        Pixels.

    Raises
    ------
    ValueError
        If no structure has positions for all of its sites, or there are more than 20.
    """
    from aiida_hpaint.science.structures.pictures import draw_picture
    from aiida_hpaint.science.structures.scenes import make_scene

    rows = np.flatnonzero(structures.placed).tolist()
    if not 0 < len(rows) <= _MOST_IN_3D:
        raise ValueError(
            f"{len(rows)} of {len(structures)} structures have all positions, and 1 to "
            f"{_MOST_IN_3D} can be shown: choose some, such as batch[:5].view()"
        )
    scenes = [make_scene(structures[row]) for row in rows]
    titled = [
        {**scene.to_json(), "title": f"{row}: {structures.labels[row]}"}
        for row, scene in zip(rows, scenes, strict=True)
    ]
    return CrystalView(titled, draw_picture(scenes[0]), height)


def tabulate_scalars(structures: StructureBatch) -> pd.DataFrame:
    """Return a table of pandas with a row for each structure: label, sites and all scalars."""
    import pandas as pd

    columns: dict[str, Any] = {
        "label": list(structures.labels),
        "formula": [format_formula(one) for one in structures],
        "sites": structures.site_counts,
        "inserted": structures.insert_counts,
    }
    return pd.DataFrame({**columns, **structures.scalars})


def tabulate_structures(structures: StructureBatch) -> str:
    """Return the first structures as a table in HTML, the first of them with pictures."""
    from aiida_hpaint.science.structures.pictures import draw_picture
    from aiida_hpaint.science.structures.scenes import make_scene

    names = [name for name in ("status", "rank", "energy") if name in structures.scalars]
    rows = []
    for index in range(min(len(structures), _MOST_ROWS)):
        one = structures[index]
        drawn = index < _MOST_PICTURES and bool(one.placed[0])
        picture = draw_picture(make_scene(one), 160) if drawn else ""
        counts = (one.n_sites, int(one.insert_counts[0]))
        values = (*counts, *(one.scalars[name][0].item() for name in names))
        texts = map(_format_value, values)
        rows.append([str(index), one.labels[0], format_formula(one), *texts, _Picture(picture)])
    titles = [name.replace("energy", "energy, eV") for name in names]
    head = ["", "label", "formula", "sites", "inserted", *titles, ""]
    more = len(structures) - len(rows)
    caption = format_count(len(structures), "structure") + (
        f", {more} more not shown" if more > 0 else ""
    )
    return format_table(head, rows, caption)


class _Picture(str):
    """SVG of our own, which is no text to escape."""


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """Return a table in HTML; texts are escaped, pictures are not."""
    titles = "".join(f"<th>{escape(text)}</th>" for text in head)
    lines = []
    for row in rows:
        cells = (cell if isinstance(cell, _Picture) else escape(cell) for cell in row)
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return (
        '<div style="overflow-x: auto">'
        f"<table><caption>{escape(caption)}</caption><thead><tr>{titles}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def as_picture(svg: str) -> str:
    """Mark SVG as a picture for `format_table`."""
    return _Picture(svg)


def summarise_structures(structures: StructureBatch) -> str:
    """Return one line that names the first structures, for consoles."""
    few = [f"{one.labels[0]} ({format_formula(one)})" for one in structures[:_MOST_NAMED]]
    more = len(structures) - len(few)
    named = ", ".join([*few, f"{more} more"] if more else few)
    return f"<StructureBatch of {format_count(len(structures), 'structure')}: {named or 'empty'}>"


def format_formula(one: StructureBatch) -> str:
    """Return the reduced formula of one structure, its sites to insert included.

    Organic compounds have the order of Hill (C2H5NO2), others that of IUPAC (AlHO2), with H
    before C in carbonates (NaHCO3), and hydroxides have their groups (Mg(OH)2).
    """
    from pymatgen.core import Element

    counts = Counter(get_symbol(number) for number in one.numbers.tolist())
    shared = gcd(*counts.values())
    order = sorted(counts, key=lambda symbol: (Element(symbol).iupac_ordering, symbol))
    if {"C", "H"} <= set(counts) and counts["O"] >= 3 * counts["C"]:  # carbonates, their hydrates
        order.remove("H")
        order.insert(order.index("C"), "H")
    elif "H" in counts and counts["C"]:
        order = ["C", "H", *sorted(set(counts) - {"C", "H"})]
    parts = [(symbol, counts[symbol] // shared) for symbol in order]
    if order[-2:] == ["H", "O"] and counts["H"] == counts["O"]:
        parts = [*parts[:-2], ("OH" if parts[-1][1] == 1 else "(OH)", parts[-1][1])]
    return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in parts)


def _format_value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if np.isfinite(value) else "-"
    return str(value)
