"""Items of a block of a CIF, found under any spelling and changed in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiida_hpaint.science.structures.reading.cif_syntax import normalise_tag

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["LoopTable", "find_value", "has_value", "remove_items", "set_value"]


@dataclass
class LoopTable:
    """Loop of one category, as columns that can be changed.

    Attributes
    ----------
    block
        Block that the loop is in, or will be in.
    prefix
        Beginning of its data names, such as `_atom_site_`.
    tags
        Data names of the file by the normalised name.
    columns
        Values as in the file (quotes included) by the normalised name without the prefix.
    """

    block: cif.Block
    prefix: str
    tags: dict[str, str] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def find(cls, block: cif.Block, prefix: str, *names: str) -> LoopTable:
        """Return the loop with one of some names; without any, an empty one."""
        for loop in (item.loop for item in block if item.loop is not None):
            known = {normalise_tag(tag) for tag in loop.tags}
            if not known.isdisjoint(prefix + name for name in names):
                table = cls(block, prefix)
                for at, tag in enumerate(loop.tags):
                    name = normalise_tag(tag).removeprefix(prefix)
                    table.tags[name] = tag
                    table.columns[name] = loop.values[at :: len(loop.tags)]
                return table
        return cls(block, prefix)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def texts(self, name: str) -> list[str]:
        """Return the values of a column without quotes; empty text where there is no column."""
        from gemmi import cif

        return [cif.as_string(value) for value in self.columns.get(name, [""] * len(self))]

    def add_column(self, name: str, values: Sequence[str]) -> None:
        """Add a column, or replace its values."""
        self.tags.setdefault(name, self.prefix + _SPELLING.get(name, name))
        self.columns[name] = list(values)

    def take(self, rows: Iterable[int]) -> None:
        """Keep some rows, in their order; rows may repeat."""
        chosen = list(rows)
        self.columns = {
            name: [values[row] for row in chosen] for name, values in self.columns.items()
        }

    def append(self, values: Mapping[str, str], fill: str = "?") -> None:
        """Append a row; columns without a value get `fill`."""
        for name, column in self.columns.items():
            column.append(values.get(name, fill))

    def write(self) -> None:
        """Write the loop back to its place in the block, or to its end."""
        known = next(iter(self.tags.values()), None)
        item = None if known is None else self.block.find_loop_item(known)
        if not len(self):
            if item is not None:
                item.erase()
            return
        if item is None:
            loop = self.block.init_loop("", list(self.tags.values()))
        else:
            loop = item.loop
            present = set(loop.tags)
            loop.add_columns([tag for tag in self.tags.values() if tag not in present], "?")
        loop.set_all_values([self.columns[name] for name in self.tags])


_SPELLING = {
    "u_iso_or_equiv": "U_iso_or_equiv",
    "b_iso_or_equiv": "B_iso_or_equiv",
    "wyckoff_symbol": "Wyckoff_symbol",
    "atom_site_label_d": "atom_site_label_D",
    "atom_site_label_h": "atom_site_label_H",
    "atom_site_label_a": "atom_site_label_A",
    "distance_dh": "distance_DH",
    "distance_ha": "distance_HA",
    "distance_da": "distance_DA",
    "angle_dha": "angle_DHA",
    "site_symmetry_a": "site_symmetry_A",
}
"""Names of new columns that are not in lower case."""


def find_value(block: cif.Block, *names: str) -> str | None:
    """Return the first known value of some names without quotes; None where there is none."""
    from gemmi import cif

    for name in names:
        for tag, value in _list_pairs(block):
            if normalise_tag(tag) == normalise_tag(name) and not cif.is_null(value):
                text: str = cif.as_string(value).strip()
                if text:
                    return text
    return None


def has_value(block: cif.Block, name: str) -> bool:
    """Return whether a block gives a known value under a name."""
    return find_value(block, name) is not None


def set_value(block: cif.Block, name: str, value: str, aliases: Sequence[str] = ()) -> None:
    """Set a value (quoted already) under all spellings that a block has, or else under the name."""
    wanted = {normalise_tag(each) for each in (name, *aliases)}
    found = [tag for tag, _ in _list_pairs(block) if normalise_tag(tag) in wanted]
    for tag in found or [name]:
        block.set_pair(tag, value)


def remove_items(block: cif.Block, matches: Callable[[str], bool]) -> list[str]:
    """Remove pairs and loops whose (first) normalised name matches; return these names."""
    removed = []
    for item in block:
        pair: Any = item.pair
        tag = None if pair is None else pair[0]
        if item.loop is not None:
            tag = item.loop.tags[0]
        if tag is not None and matches(normalise_tag(tag)):
            removed.append(tag)
            item.erase()
    return removed


def _list_pairs(block: cif.Block) -> list[tuple[str, str]]:
    pairs: Iterable[Any] = (item.pair for item in block if item.pair is not None)
    return [(pair[0], pair[1]) for pair in pairs]
