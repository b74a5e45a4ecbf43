"""Blocks of a CIF as tables of values, by gemmi."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_hpaint.science.structures.errors import HostError, RecordError, make_host_error
from aiida_hpaint.science.structures.reading.cif_syntax import (
    CRYSTAL,
    normalise_tag,
    parse_document,
)
from aiida_hpaint.science.structures.reading.numbers import is_unknown

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["CifBlock", "parse_cif_blocks"]

_RAW_DATA = re.compile(
    r"_(refln|diffrn_refln|diffrn_standard_refln|pd_meas|pd_proc|pd_calc|pd_peak)_"
    r"|_(shelx_(hkl|fcf|fab)_|iucr_refine_(reflections|fcf)_details|shelxl?_hkl)",
)


@dataclass(frozen=True)
class CifBlock:
    """One data block.

    Attributes
    ----------
    name
        Its name.
    values
        Values by data name, which is in lower case with `_` for `.`. The columns of loops are as
        long as their loop; unquoted `?` and `.` stay as they are.
    text
        The block as CIF, without reflections and other raw data.
    notes
        What was assumed while reading it.
    """

    name: str
    values: Mapping[str, list[str]]
    text: str
    notes: tuple[str, ...] = ()

    def find(self, *tags: str) -> str | None:
        """Return the first value that is given for one of some data names, or None."""
        for tag in tags:
            for value in self.values.get(tag, ()):
                if not is_unknown(value):
                    return value.strip()
        return None


def parse_cif_blocks(name: str, text: str) -> tuple[list[CifBlock | RecordError], list[str]]:
    """Parse a CIF into its blocks, in their order.

    Words that stand where a data name is due, such as one without its underscore, are left out.

    Returns
    -------
    blocks : list of CifBlock or RecordError
        The blocks, or what is wrong with them.
    notes : list of str
        What was left out.

    Raises
    ------
    HostError
        If the syntax is broken.
    """
    document, notes = parse_document(name, text)
    blocks: list[CifBlock | RecordError] = []
    for block in document:
        try:
            blocks.append(_read_block(name, block))
        except HostError as error:
            blocks.append(RecordError(error.problems, block.name.strip()))
    return blocks, notes


def _read_block(name: str, block: cif.Block) -> CifBlock:
    from gemmi import cif

    values: dict[str, list[str]] = {}
    left_out, notes = [], []
    for item in block:
        columns = _list_columns(item)
        repeated = [tag for tag, _ in columns if normalise_tag(tag) in values]
        is_raw = any(_RAW_DATA.match(normalise_tag(tag)) for tag, _ in columns)
        # What is given back has to be a CIF that other programs read.
        if is_raw or (columns and len(repeated) == len(columns)):
            left_out.append(item)
        for tag, column in () if is_raw else columns:
            texts = [v if cif.is_null(v) else cif.as_string(v) for v in column]
            known = values.setdefault(normalise_tag(tag), texts)
            if known is texts:
                continue
            if all(map(is_unknown, texts)):
                notes.append(f"{tag} is given twice, and the second has no value: it was left out.")
            else:
                _check_repeated(name, block.name, tag, known == texts)
                notes.append(f"{tag} is given twice: the first one was used.")
    for item in left_out:
        item.erase()
    return CifBlock(block.name.strip(), values, block.as_string(), tuple(notes))


def _check_repeated(name: str, block: str, tag: str, is_same: bool) -> None:
    """Raise HostError if a data name that matters is given twice with different values."""
    if not is_same and normalise_tag(tag).startswith(CRYSTAL):
        reason = f"block {block} gives {tag} twice, with different values"
        raise make_host_error(name, reason, "Keep one of them, or make two blocks")


def _list_columns(item: Any) -> list[tuple[str, list[str]]]:
    """List data names with their values: of a pair, a loop, or none of a save frame."""
    if item.pair is not None:
        return [(item.pair[0], [item.pair[1]])]
    if item.loop is None:
        return []
    tags = item.loop.tags
    return [(tag, item.loop.values[at :: len(tags)]) for at, tag in enumerate(tags)]
