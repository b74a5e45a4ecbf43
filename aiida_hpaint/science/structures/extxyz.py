"""StructureBatch in extended XYZ: exact, readable by ASE, and reading what others write."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.outputs import replace_file
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.conversion import (
    RECORD_KEY,
    check_periodic,
    choose_frac_coords,
    choose_label,
    make_record,
    note_isotopes,
    read_scalars,
    to_json,
)
from aiida_hpaint.science.structures.elements import (
    ISOTOPES,
    get_atomic_number,
    get_symbol,
    is_element,
)
from aiida_hpaint.science.structures.errors import (
    HostError,
    HostProblem,
    make_host_error,
    name_site,
)
from aiida_hpaint.science.structures.file_limits import check_site_count, guard_reading
from aiida_hpaint.science.types import FloatArray

_Source = str | PathLike[str] | TextIO

PROPERTIES = "species:S:1:pos:R:3:frac_coords:R:3:inserted:L:1"
"""Columns of the files that `write_extxyz` makes."""

_FOREIGN_PROPERTIES = "species:S:1:pos:R:3"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# ASE gives these keys a meaning, or expects values of other shapes.
_CELL_KEYS = frozenset({"lattice", "properties", "pbc", "virial", "stress", "stresses"})
_SITE_KEYS = frozenset({"forces", "energies", "charges", "magmom", "magmoms", "momenta"})
_FIELD_KEYS = frozenset({"dipole", "polarization", "free_energy", "dielectric_tensor"})
_TAKEN = _CELL_KEYS | _SITE_KEYS | _FIELD_KEYS | {"label", RECORD_KEY}


def write_extxyz(batch: StructureBatch, target: _Source) -> None:
    """Write a batch as extended XYZ, one frame a structure.

    Positions are written twice: Cartesian (Å) for other programs and fractional, with all digits,
    for `read_extxyz`, which restores the batch exactly. Sites without position are `nan`. The
    comment line has label and scalars as plain keys, and again, with types, metadata and history,
    as JSON under the key `hpaint`.

    Parameters
    ----------
    batch : StructureBatch
        Any batch; its metadata and history have to be JSON.
    target : path or text file
        Where to write.
    """
    if isinstance(target, str | PathLike):
        with (
            replace_file(Path(target)) as part,
            part.open("w", encoding="utf-8", newline="\n") as file,
        ):
            write_extxyz(batch, file)
        return
    for index, one in enumerate(batch):
        record = {**make_record(one), "metadata": dict(one.metadata[0])}
        if index:  # the history is written once, with the first frame
            del record["history"]
        target.write(f"{one.n_sites}\n{_comment(one, record)}\n")
        target.writelines(_rows(one))


def read_extxyz(source: _Source) -> StructureBatch:
    """Read a file of `write_extxyz` exactly, or extended XYZ of any other origin.

    Foreign frames take their label from the keys `label`, `material_id` or `name`, or else from
    their formula; their other keys become metadata. Columns other than element, position,
    `frac_coords` and `inserted` are not kept.

    Raises
    ------
    HostError
        If a frame is damaged, has no lattice or names no element; all frames are looked at.
    ValueError
        If the file holds no frame.
    """
    frames: list[StructureBatch] = []
    problems: list[HostProblem] = []
    for outcome in iter_extxyz(source):
        if isinstance(outcome, HostError):
            problems.extend(outcome.problems)
        else:
            frames.append(outcome)
    if problems:
        raise HostError(problems)
    if not frames:
        raise ValueError(f"{_name(source)} holds no structures")
    return concatenate(frames)


def iter_extxyz(source: _Source) -> Iterator[StructureBatch | HostError]:
    """Yield each frame of a file as a batch of one, or the error that it raised."""
    if isinstance(source, str | PathLike):
        with open(source, encoding="utf-8", errors="replace") as file:
            yield from iter_extxyz(file)
        return
    file_name = _name(source)
    lines = iter(source)
    for index in itertools.count():
        try:
            frame = _next_frame(f"{file_name}, frame {index + 1}", lines)
        except HostError as error:  # where the next frame begins is unknown
            yield error
            return
        if frame is None:
            return
        try:
            with guard_reading(frame.where):
                parsed = _parse(frame)
            yield parsed
        except HostError as error:
            yield error


@dataclass(frozen=True)
class _Frame:
    where: str
    comment: str
    rows: list[list[str]]


def _next_frame(where: str, lines: Iterator[str]) -> _Frame | None:
    head = next((line for line in lines if line.strip()), None)
    if head is None:
        return None
    word = head.split()[0]
    if not (word.isascii() and word.isdecimal()):
        remedy = "The first line of a frame is the number of its sites"
        raise make_host_error(where, f"it starts with {head.strip()[:40]!r}", remedy)
    # Long numbers take long, and longer ones cannot be converted.
    count = int(word) if len(word) < 10 else 10**9
    check_site_count(where, count)
    comment = next(lines, "")
    rows = [line.split() for line in itertools.islice(lines, count)]
    if len(rows) < count or not all(rows):
        found = sum(bool(row) for row in rows)
        remedy = "Complete the file: it seems to be cut off"
        raise make_host_error(where, f"it says {count} sites and lists {found}", remedy)
    return _Frame(where, comment, rows)


def _parse(frame: _Frame) -> StructureBatch:
    from ase.io.extxyz import key_val_str_to_dict

    try:
        info = key_val_str_to_dict(frame.comment)
        columns = _columns(str(info.pop("Properties", _FOREIGN_PROPERTIES)), frame.rows)
    except HostError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        remedy = "Write it again as extended XYZ"
        raise make_host_error(frame.where, f"it cannot be read ({error})", remedy) from error
    lattice = info.pop("Lattice", None)
    periodic = info.pop("pbc", (True, True, True))
    if lattice is None:
        remedy = 'Add Lattice="ax ay az bx by bz cx cy cz" (Å) to the comment line'
        raise make_host_error(frame.where, "it has no cell", remedy)
    cell = np.asarray(lattice, dtype=np.float64).T
    check_periodic(frame.where, cell, np.broadcast_to(periodic, 3).tolist())
    return _build(frame.where, info, columns, cell)


def _build(
    where: str, info: Mapping[str, Any], columns: Mapping[str, NDArray[Any]], cell: FloatArray
) -> StructureBatch:
    record = info[RECORD_KEY] if isinstance(info.get(RECORD_KEY), dict) else {}
    isotopes: Counter[str] = Counter()
    numbers = _numbers(where, columns, isotopes)
    inserted = columns.get("inserted", np.zeros(len(numbers), dtype=np.bool_))
    metadata = record.get("metadata", {}) if record else to_json(info)
    label = record["label"] if record else choose_label(info, numbers)
    return StructureBatch(
        labels=(label,),
        cells=cell[None],
        site_counts=np.array([len(numbers)]),
        numbers=np.array(numbers, dtype=np.int64),
        frac_coords=choose_frac_coords(columns.get("frac_coords"), columns["pos"], cell),
        inserted=inserted,
        scalars=read_scalars(record),
        metadata=(note_isotopes(label, metadata, isotopes),),
        history=tuple(record.get("history", ())),
    )


def _numbers(where: str, columns: Mapping[str, NDArray[Any]], isotopes: Counter[str]) -> list[int]:
    if "species" not in columns:
        return [int(number) for number in columns["Z"]]
    numbers = []
    for index, text in enumerate(columns["species"].tolist()):
        symbol = text.capitalize()
        if not is_element(symbol):
            remedy = "Replace it by an element, or remove it"
            raise make_host_error(where, "it is no element", remedy, name_site(index, text))
        if symbol in ISOTOPES:
            isotopes[symbol] += 1
        numbers.append(get_atomic_number(symbol))
    return numbers


def _columns(properties: str, rows: list[list[str]]) -> dict[str, NDArray[Any]]:
    fields = properties.split(":")
    widths = [int(width) for width in fields[2::3]]
    table = np.array([row[: sum(widths)] for row in rows], dtype=np.str_)
    table = table.reshape(len(rows), sum(widths))
    columns: dict[str, NDArray[Any]] = {}
    stops = np.cumsum(widths).tolist()
    for name, kind, width, stop in zip(fields[::3], fields[1::3], widths, stops, strict=True):
        if name in ("species", "pos", "frac_coords", "inserted", "Z"):
            column = _convert(kind, table[:, stop - width : stop])
            columns[name] = column if width > 1 else column[:, 0]
    if "pos" not in columns or not {"species", "Z"} & set(columns):
        raise ValueError(f"Properties={properties} lacks species or pos")
    return columns


def _convert(kind: str, texts: NDArray[np.str_]) -> NDArray[Any]:
    if kind == "L":
        return np.isin(np.char.upper(texts), ("T", "TRUE"))
    return texts if kind == "S" else texts.astype(np.float64 if kind == "R" else np.int64)


def _comment(one: StructureBatch, record: Mapping[str, Any]) -> str:
    lattice = " ".join(map(repr, one.cells[0].ravel().tolist()))
    plain = {"label": record["label"], **record["scalars"]}
    parts = [f'Lattice="{lattice}"', f"Properties={PROPERTIES}", 'pbc="T T T"']
    parts += [f"{key}={_quoted(value)}" for key, value in plain.items() if _speakable(key, value)]
    parts.append(f"{RECORD_KEY}={_quoted('_JSON ' + json.dumps(record))}")
    return " ".join(parts)


def _speakable(key: str, value: Any) -> bool:
    if key != "label" and (key.lower() in _TAKEN or not _PLAIN.fullmatch(key)):
        return False
    if key == "energy" and not isinstance(value, float):
        return False
    return value == value and str(value).isprintable() and bool(str(value).strip())


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    if not isinstance(value, str):
        return repr(value)
    # ASE takes the character after a backslash as it is.
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _rows(one: StructureBatch) -> Iterable[str]:
    symbols = [get_symbol(number) for number in one.numbers.tolist()]
    coords = np.concatenate([one.cart_coords, one.frac_coords], axis=1).tolist()
    flags = ["T" if flag else "F" for flag in one.inserted.tolist()]
    for symbol, row, flag in zip(symbols, coords, flags, strict=True):
        yield f"{symbol} {' '.join(map(repr, row))} {flag}\n"


def _name(source: _Source) -> str:
    name = source if isinstance(source, str | PathLike) else getattr(source, "name", "the file")
    return str(name).rsplit("/", 1)[-1]
