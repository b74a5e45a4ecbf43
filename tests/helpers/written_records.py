"""CIFs of brucite and gypsum without H, whose statements about H tests choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import gemmi

from aiida_hpaint.science.structures import HostError, Record, read_records

BRUCITE = ("P -3 m 1", (3.14979, 3.14979, 4.7702, 90, 90, 120))
"""After Catti et al., Physics and Chemistry of Minerals 22, 200 (1995)."""
GYPSUM = ("C 1 2/c 1", (6.282, 15.175, 5.673, 90, 114.13, 90))
"""After Comodi et al., American Mineralogist 93, 1530 (2008)."""


def read_brucite(
    folder: Path,
    items: Mapping[str, object],
    oxygen: str = "O1",
    columns: Sequence[str] = (),
    rows: Sequence[str] = ("Mg1 Mg 0 0 0", "{oxygen} O 0.333333 0.666667 0.2203"),
) -> Record:
    """Read brucite with other items, label of O, columns and rows."""
    listed = [row.format(oxygen=oxygen) for row in rows]
    return read_crystal(folder, BRUCITE, items, listed, columns)


def read_gypsum(folder: Path, items: Mapping[str, object], water: str = "O3") -> Record:
    """Read gypsum without H, with other items and label of the water."""
    rows = (
        "Ca1 Ca 0 0.1697 0.25",
        "S1 S 0 0.3285 0.75",
        "O1 O 0.084 0.272 0.592",
        "O2 O 0.2 0.383 0.914",
        f"{water} O -0.211 0.066 -0.081",
    )
    return read_crystal(folder, GYPSUM, items, rows)


def read_crystal(
    folder: Path,
    crystal: tuple[str, Sequence[float]],
    items: Mapping[str, object],
    rows: Sequence[str],
    columns: Sequence[str] = (),
) -> Record:
    """Read a crystal of a space group and cell, with items, rows of sites and more columns."""
    group, cell = crystal
    operations = [one.triplet() for one in gemmi.SpaceGroup(group).operations()]
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    site = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", *columns)
    lines = [
        "data_test",
        *(f"_cell_{name} {value}" for name, value in zip(names, cell, strict=True)),
        *(f"{key} '{value}'" for key, value in items.items()),
        "loop_\n_space_group_symop_operation_xyz",
        *operations,
        "loop_",
        *(f"_atom_site_{name}" for name in site),
        *rows,
    ]
    path = folder / "test.cif"
    path.write_text("\n".join(lines) + "\n")
    (record,) = read_records(path)
    if isinstance(record, HostError):
        raise record
    return record
