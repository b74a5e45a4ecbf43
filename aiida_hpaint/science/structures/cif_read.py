"""Ordered structures from CIF, with every site of the cell and nothing merged or rescaled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from aiida_hpaint.science.structures.batch import Json, StructureBatch
from aiida_hpaint.science.structures.cif_symmetry import read_operations
from aiida_hpaint.science.structures.conversion import note_isotopes
from aiida_hpaint.science.structures.elements import ISOTOPES, get_atomic_number, is_element
from aiida_hpaint.science.structures.errors import HostError, HostProblem, make_host_error
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray

Block = Mapping[str, Any]
"""Data names in lower case, with `_` for `.`; loops as lists of strings."""

SAME_IMAGE = 0.05
"""Images of one site closer than this (Å) are that site, on a special position typed to few
digits; images of different sites are never merged."""

FULL_OCCUPANCY = 1e-3
"""How far from one an occupancy may be by rounding."""

_COORDS = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d*\)?)?")
_TYPE = re.compile(r"([A-Za-z]{1,2})(?:[0-9.]*[+-]|[+-]?[0-9.]*)")
_GROUPS = re.compile(r"(wat|h2o|oh2|nh4|no3|o-h|vac|dum)", re.IGNORECASE)


def iter_cif(path: str | PathLike[str]) -> Iterator[StructureBatch | HostError]:
    """Yield each structure of a CIF as a batch of one, or the error that it raised.

    The cell is the one of the file (never reduced). Sites come in the order of the file, each
    followed by its symmetry equivalents; the coordinates that the file lists are kept as they
    are, equivalents lie in [0, 1). The metadata keep what `count_missing_from_formula` needs.
    """
    source = Path(path)
    try:
        blocks = _blocks(source)
    except HostError as error:
        yield error
        return
    for name, block in blocks:
        label = source.stem if len(blocks) == 1 else f"{source.stem}-{name}"
        try:
            yield _structure(label, block, {"source": source.name, "block": name})
        except HostError as error:
            yield error


def _blocks(source: Path) -> list[tuple[str, Block]]:
    from pymatgen.io.cif import CifFile

    text = source.read_text(encoding="utf-8", errors="replace")
    try:
        parsed = CifFile.from_str(text).data
    except (ValueError, IndexError, KeyError, ZeroDivisionError, TypeError) as error:
        remedy = "Check it with a CIF validator"
        raise make_host_error(source.name, f"it is no readable CIF ({error})", remedy) from error
    blocks: list[tuple[str, Block]] = [
        (name, {key.lower().replace(".", "_"): value for key, value in block.data.items()})
        for name, block in parsed.items()
    ]
    found = [(name, block) for name, block in blocks if _COORDS[0] in block]
    if not found:
        remedy = "Give a CIF with _atom_site_fract_x, _y and _z"
        raise make_host_error(source.name, "it lists no sites", remedy)
    return found


def _structure(label: str, block: Block, metadata: dict[str, Json]) -> StructureBatch:
    cell = _cell(label, block)
    operations = read_operations(label, block, cell)
    elements, listed = _sites(label, block)
    coords = [_images(row, operations) for row in listed]
    symbols = [e for e, images in zip(elements, coords, strict=True) for _ in images]
    isotopes = Counter(symbol for symbol in symbols if symbol in ISOTOPES)
    for key, short in (("_chemical_formula_sum", "formula"), ("_cell_formula_units_z", "units")):
        metadata[short] = _text(block.get(key))
    return StructureBatch(
        labels=(label,),
        cells=cell[None],
        site_counts=np.array([len(symbols)]),
        numbers=np.array([get_atomic_number(symbol) for symbol in symbols], dtype=np.int64),
        frac_coords=np.concatenate(coords),
        inserted=np.zeros(len(symbols), dtype=np.bool_),
        metadata=(note_isotopes(label, metadata, isotopes),),
    )


def _cell(label: str, block: Block) -> FloatArray:
    from pymatgen.core import Lattice

    lengths = [_positive(label, block, f"_cell_length_{name}") for name in ("a", "b", "c")]
    # 90 degrees is what the core dictionary says of an angle that is not given.
    angles = [
        _positive(label, block, f"_cell_angle_{name}", "90") for name in ("alpha", "beta", "gamma")
    ]
    return np.array(Lattice.from_parameters(*lengths, *angles).matrix, dtype=np.float64)


def _positive(label: str, block: Block, key: str, default: str = "?") -> float:
    text = _text(block.get(key)) or default
    value = _number(text)
    if value is None or value <= 0:
        raise make_host_error(label, f"it has no cell: {key} is {text}", "Complete the CIF")
    return value


def _sites(label: str, block: Block) -> tuple[list[str], FloatArray]:
    """Read elements and coordinates of the listed sites; report all problems at once."""
    table = {key: _column(block[key]) for key in block if key.startswith("_atom_site_")}
    count = len(table[_COORDS[0]])
    elements, rows, problems = [], [], list[HostProblem]()
    for index in range(count):
        row = {key: column[index] for key, column in table.items() if len(column) == count}
        try:
            elements.append(_element(label, row))
            rows.append(_position(label, row))
            _check_occupancy(label, row)
        except HostError as error:
            problems.extend(error.problems)
    if problems:
        raise HostError(problems)
    return elements, np.array(rows, dtype=np.float64).reshape(-1, 3)


def _position(label: str, row: Mapping[str, str]) -> list[float]:
    values = [_number(row.get(key, "?")) for key in _COORDS]
    if any(value is None for value in values):
        texts = " ".join(row.get(key, "?") for key in _COORDS)
        remedy = "Remove the row from the CIF if this site is to be restored"
        raise make_host_error(label, f"its position is {texts}", remedy, _site(row))
    return [value for value in values if value is not None]


def _check_occupancy(label: str, row: Mapping[str, str]) -> None:
    text = row.get("_atom_site_occupancy", "1")
    occupancy = 1.0 if text in (".", "?") else _number(text)
    if occupancy is None or abs(occupancy - 1) > FULL_OCCUPANCY:
        remedy = "Choose one ordered configuration, with every site occupied fully"
        raise make_host_error(label, f"its occupancy is {text}", remedy, _site(row))


def _element(label: str, row: Mapping[str, str]) -> str:
    text = row.get("_atom_site_type_symbol", "?")
    name = row.get("_atom_site_label", "?")
    typed = _TYPE.fullmatch(text)
    if typed and is_element(typed[1].capitalize()):
        return typed[1].capitalize()
    if text in ("?", ".") and not _GROUPS.match(name):
        letters = re.match(r"[A-Za-z]*", name)
        readings = _readings(letters[0] if letters else "")
        if len(readings) == 1:
            return readings[0]
    reason = f"its element is not clear from {name if text in ('?', '.') else text!r}"
    remedy = "Give each site its element as _atom_site_type_symbol"
    raise make_host_error(label, reason, remedy, _site(row))


def _readings(letters: str) -> list[str]:
    """List the elements that letters can mean: 'Ca' calcium, 'CA' maybe carbon, 'OW' oxygen."""
    two, one = letters[:2], letters[:1].upper()
    if len(two) == 2 and two[1].islower() and is_element(two.capitalize()):
        return [two.capitalize()]
    both = [two.capitalize()] if len(two) == 2 else []
    readings = [symbol for symbol in dict.fromkeys([*both, one]) if is_element(symbol)]
    # T1 is a tetrahedral site in most files, and Dum1 a dummy.
    return [s for s in readings if s not in ISOTOPES or letters == "D"]


def _images(row: FloatArray, operations: SymmetryOperations) -> FloatArray:
    """Return all positions of one listed site, the listed one first."""
    moved = np.mod(operations.images(row[None])[:, 0], 1.0)
    moved[moved == 1.0] = 0.0  # what a tiny negative number becomes
    found = row[None]
    for image in moved:
        apart = found - image
        apart -= np.round(apart)
        if np.linalg.norm(apart @ operations.cell, axis=1).min() > SAME_IMAGE:
            found = np.concatenate([found, image[None]])
    return found


def _site(row: Mapping[str, str]) -> str:
    return f"site {row.get('_atom_site_label', row.get('_atom_site_type_symbol', '?'))}"


def _column(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None or str(value).strip() in ("", "?", ".") else str(value).strip()


def _number(text: str) -> float | None:
    match = _NUMBER.fullmatch(text.strip())
    return float(match[1]) if match else None
