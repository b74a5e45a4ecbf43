"""Blocks of a CIF as tables of values, by gemmi."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_hpaint.science.structures.errors import make_host_error

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["CifBlock", "parse_cif_blocks"]

_UNKNOWN = ("?", ".", "")
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
    """

    name: str
    values: Mapping[str, list[str]]
    text: str

    def find(self, *tags: str) -> str | None:
        """Return the first value that is given for one of some data names, or None."""
        for tag in tags:
            for value in self.values.get(tag, ()):
                if value.strip() not in _UNKNOWN:
                    return value.strip()
        return None


def parse_cif_blocks(name: str, text: str) -> list[CifBlock]:
    """Parse a CIF into its blocks, in their order.

    Raises
    ------
    HostError
        If the syntax is broken, or a block has a data name twice.
    """
    from gemmi import cif

    try:
        document = cif.read_string(text, 0)
    except (ValueError, RuntimeError) as error:
        where = str(error).removeprefix("string:").splitlines()[0]
        raise make_host_error(
            name, f"it is no readable CIF (line {where})", "Check it with a CIF validator"
        ) from error
    return [_read_block(block) for block in document]


def _read_block(block: cif.Block) -> CifBlock:
    from gemmi import cif

    values: dict[str, list[str]] = {}
    raw = []
    for item in block:
        columns = _list_columns(item)
        if any(_RAW_DATA.match(tag.lower().replace(".", "_")) for tag, _ in columns):
            raw.append(item)
            continue
        for tag, column in columns:
            key = tag.lower().replace(".", "_")
            if key in values:
                reason = f"block {block.name} gives {tag} twice"
                raise make_host_error(block.name, reason, "Keep one of them, or make two blocks")
            values[key] = [v if cif.is_null(v) else cif.as_string(v) for v in column]
    for item in raw:
        item.erase()
    return CifBlock(block.name.strip(), values, block.as_string())


def _list_columns(item: Any) -> list[tuple[str, list[str]]]:
    """List data names with their values: of a pair, a loop, or none of a save frame."""
    if item.pair is not None:
        return [(item.pair[0], [item.pair[1]])]
    if item.loop is None:
        return []
    tags = item.loop.tags
    return [(tag, item.loop.values[at :: len(tags)]) for at, tag in enumerate(tags)]
