"""One structure as CIF, with the inserted sites marked."""

from __future__ import annotations

import re
from collections import Counter
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.errors import make_host_error, name_site
from aiida_hpaint.science.structures.safe_text import make_safe_name

_LONGEST = 1000
"""Largest number of characters of a value; lines of a CIF have up to 2048."""

_COLUMNS = (
    "label",
    "type_symbol",
    "fract_x",
    "fract_y",
    "fract_z",
    "occupancy",
    "calc_flag",
)


def write_cif(one: StructureBatch, path: str | PathLike[str] | None = None) -> str:
    """Write a single structure as CIF text in P1, also to a file if a path is given.

    Inserted sites have labels that end in i, such as H1i, and the value c (calculated) of
    `_atom_site_calc_flag`, where sites of the host have d (determined): the flag of the IUCr's
    core dictionary. Coordinates have all digits; the cell is given by lengths (Å) and angles, so
    its orientation is lost.

    Raises
    ------
    HostError
        If a site has no position.
    ValueError
        If the batch does not hold exactly one structure.
    """
    if len(one) != 1:
        raise ValueError(f"{len(one)} structures: write them one at a time")
    for index in np.flatnonzero(np.isnan(one.frac_coords).any(axis=1))[:1].tolist():
        name = name_site(index, get_symbol(int(one.numbers[index])))
        raise make_host_error(
            one.labels[0], "it has no position yet", "Generate positions first", name
        )
    text = "\n".join([*_header(one), *_cell(one), *_sites(one), ""])
    if path is not None:
        Path(path).write_text(text, encoding="ascii", newline="\n")
    return text


def _header(one: StructureBatch) -> list[str]:
    count = int(one.inserted.sum())
    lines = [
        f"# {count} inserted sites: labels end in i, _atom_site_calc_flag is c",
        f"data_{make_safe_name(one.labels[0])}",
        f"_audit_creation_method 'aiida-hpaint {__version__}'",
        f"_chemical_name_common {_quoted(one.labels[0])}",
    ]
    for name, values in one.scalars.items():
        key = re.sub(r"[^A-Za-z0-9_]", "_", name)
        lines.append(f"_aiida_hpaint_{key} {_quoted(values[0].item())}")
    return lines


def _cell(one: StructureBatch) -> list[str]:
    from pymatgen.core import Lattice

    lattice = Lattice(one.cells[0])
    counts = Counter(get_symbol(number) for number in one.numbers.tolist())
    units = int(np.gcd.reduce(list(counts.values())))
    formula = " ".join(f"{s}{n // units if n > units else ''}" for s, n in sorted(counts.items()))
    lengths = zip(("length_a", "length_b", "length_c"), lattice.abc, strict=True)
    angles = zip(("angle_alpha", "angle_beta", "angle_gamma"), lattice.angles, strict=True)
    return [
        f"_chemical_formula_sum '{formula}'",
        f"_cell_formula_units_Z {units}",
        *(f"_cell_{name} {float(value)!r}" for name, value in (*lengths, *angles)),
        f"_cell_volume {float(lattice.volume)!r}",
        "_space_group_name_H-M_alt 'P 1'",
        "_space_group_IT_number 1",
        "loop_",
        "_space_group_symop_operation_xyz",
        "'x, y, z'",
    ]


def _sites(one: StructureBatch) -> list[str]:
    lines = ["loop_", *(f"_atom_site_{name}" for name in _COLUMNS)]
    seen: Counter[tuple[str, bool]] = Counter()
    rows = zip(one.numbers.tolist(), one.frac_coords.tolist(), one.inserted.tolist(), strict=True)
    for number, coords, inserted in rows:
        symbol = get_symbol(number)
        seen[symbol, inserted] += 1
        label = f"{symbol}{seen[symbol, inserted]}{'i' if inserted else ''}"
        position = " ".join(repr(value) for value in coords)
        lines.append(f"{label} {symbol} {position} 1 {'c' if inserted else 'd'}")
    return lines


def _quoted(value: Any) -> str:
    if isinstance(value, float) and np.isfinite(value):
        return repr(value)
    # CIF 1 is ASCII, and a line break or quote would end the value.
    text = str(value).encode("ascii", "replace").decode()
    plain = "".join(char if char.isprintable() and char not in "'\"" else " " for char in text)
    return f"'{' '.join(plain.split())[:_LONGEST]}'"
