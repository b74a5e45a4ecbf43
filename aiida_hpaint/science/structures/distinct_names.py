"""Names that tell structures apart, where files or records have the same one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import PurePath

from aiida_hpaint.science.structures.safe_text import escape_control_characters

__all__ = ["make_distinct"]


def make_distinct(
    names: Sequence[str],
    folders: Sequence[str] | None = None,
    owners: Sequence[Hashable] | None = None,
) -> list[str]:
    """Return one name for each given one, of which only those of one owner are equal.

    Equal names get as many parts of their folders as tell these apart, and then numbers: `brucite`
    becomes `a/brucite` and `b/brucite`, or `brucite` and `brucite-2`. Other names stay.

    Parameters
    ----------
    names
        The names.
    folders
        Folder of the file of each; empty where there is none.
    owners
        What each name stands for; by default they are all different.
    """
    places = [_split(folder) for folder in folders or [""] * len(names)]
    keys = list(owners) if owners is not None else list(range(len(names)))
    members: dict[str, dict[Hashable, int]] = defaultdict(dict)
    for index, name in enumerate(names):
        members[name].setdefault(keys[index], index)
    used = {name for name, found in members.items() if len(found) == 1}
    chosen: dict[tuple[str, Hashable], str] = {}
    for name, found in members.items():
        depth = 0 if len(found) == 1 else _find_depth([places[index] for index in found.values()])
        for key, index in found.items():
            parts = places[index][-depth:] if depth else ()
            longer = "/".join((*parts, name))
            chosen[name, key] = longer if len(found) == 1 else _number(longer, used)
            used.add(chosen[name, key])
    return [chosen[name, key] for name, key in zip(names, keys, strict=True)]


def _split(folder: str) -> tuple[str, ...]:
    path = PurePath(folder)
    parts = ["", *path.parts[1:]] if path.anchor else path.parts
    return tuple(map(escape_control_characters, parts))


def _find_depth(places: Sequence[tuple[str, ...]]) -> int:
    """Return how many of the last parts of folders tell as many of them apart as all parts do."""
    wanted = len(set(places))
    longest = max(map(len, places))
    depths = range(longest + 1)
    return next(d for d in depths if len({place[-d:] if d else () for place in places}) == wanted)


def _number(name: str, used: set[str]) -> str:
    number, found = 1, name
    while found in used:
        number += 1
        found = f"{name}-{number}"
    return found
