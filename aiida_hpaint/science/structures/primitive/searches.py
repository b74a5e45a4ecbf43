"""In which cells hosts are searched: their primitive cells, those of their files, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.settings import SearchedCell
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.primitive.cell import PrimitiveCell
from aiida_hpaint.science.structures.primitive.translations import (
    Translations,
    find_translations,
)
from aiida_hpaint.science.structures.reading.expand import is_partial
from aiida_hpaint.science.structures.writing.source import read_source
from aiida_hpaint.science.types import BoolArray

__all__ = ["SEARCHED", "choose_searches", "describe_searches", "get_search"]

SEARCHED = "searched"
"""Key of the metadata that says in which cell a host or a sample was searched: `repeats`, how often
it is contained in the file's; `search` and `searches`, which search of how many this is; and until
samples are expanded the `cell`."""

_DECLARED = 1e-3
"""Difference of fractional coordinates up to which two translations are the same."""


def choose_searches(hosts: StructureBatch, cell: SearchedCell) -> list[StructureBatch]:
    """Return the hosts in the cells that they are searched in.

    Parameters
    ----------
    hosts
        Hosts in the cells of their files, with their scalar `host` if they are a part of all.
    cell
        See `SearchedCell`. Hosts whose inserted sites have positions stay as they are.

    Returns
    -------
    The hosts of each search: of the first all, in their order, and of a second one those that are
    searched in another cell as well. Their scalar `host` is the index of the host, and their
    metadata say how to expand samples (see `expand_samples`), and what was assumed. Where nothing
    changes it is the batch itself.
    """
    if cell == "file":
        return [hosts]
    numbered = hosts.with_scalars(host=hosts.host_indices)
    chosen = [_search_host(host, cell) for host in numbered]
    if all(SEARCHED not in each[0].metadata[0] for each in chosen):
        return [hosts]
    searches = [[each[turn] for each in chosen if len(each) > turn] for turn in (0, 1)]
    reduced = [each[0].metadata[0].get(SEARCHED, {}).get("repeats", 1) for each in chosen]
    record = {
        "stage": "cell",
        "version": __version__,
        "settings": {"cell": cell},
        "repeats": reduced,
        "searched_twice": len(searches[1]),
    }
    return [concatenate(batches).with_history(record) for batches in searches if batches]


def get_search(metadata: Mapping[str, Any]) -> int:
    """Return which search of its host a sample comes from, from its metadata."""
    return int((metadata.get(SEARCHED) or {}).get("search", 0))


def describe_searches(hosts: StructureBatch, cell: SearchedCell) -> list[str]:
    """Return one line for each host that is searched in another cell than its file's."""
    return [
        f"{host.labels[0]}: {host.metadata[0]['notes'][-1]}"
        for host in choose_searches(hosts, cell)[0]
        if SEARCHED in host.metadata[0]
    ]


def _search_host(host: StructureBatch, cell: SearchedCell) -> list[StructureBatch]:
    """Return one host in the cells that it is searched in, the smallest first."""
    unplaced = np.isnan(host.frac_coords).any(axis=1)
    if not host.inserted.any() or not np.array_equal(unplaced, host.inserted):
        return [host]
    known = ~host.inserted
    repeats = find_translations(host.cells[0], host.numbers[known], host.frac_coords[known])
    if len(repeats) == 1:
        return [host]
    fitting = repeats.part(_keep_parents(host, repeats))
    declared = fitting.part(_are_declared(host, fitting))
    options = [each for each in (fitting, declared) if _divides(host, each)]
    if not options or len(options[0]) == 1:
        return [_keep(host, len(repeats))]
    if cell == "primitive" or len(options[0]) == len(declared):
        return [_reduce(host, options[0], 0, 1, _say(host, options[0], declared, cell))]
    note = _say(host, options[0], declared, cell)
    return [_reduce(host, each, turn, 2, note) for turn, each in enumerate((options[0], declared))]


def _keep_parents(host: StructureBatch, translations: Translations) -> BoolArray:
    """Return (T,) whether a translation maps atoms to atoms that carry as many inserted sites."""
    known = np.flatnonzero(~host.inserted)
    kinds = host.numbers[host.inserted]
    parents = read_parents(host)
    carried = np.zeros((len(known), len(np.unique(kinds))), dtype=np.int64)
    for column, kind in enumerate(np.unique(kinds)):
        places = parents[(kinds == kind) & (parents != UNKNOWN)]
        carried[:, column] = np.bincount(places, minlength=host.n_sites)[known]
    return np.asarray((carried[translations.images] == carried).all(axis=(1, 2)))


def _are_declared(host: StructureBatch, translations: Translations) -> BoolArray:
    """Return (T,) whether the file says that the whole crystal repeats by a translation.

    A listed space group does, unless the file has inserted elements on sites that are occupied in
    part: it then describes an average, in which an ordered arrangement may repeat less often.
    """
    alone = ~translations.vectors.any(axis=1)
    source = read_source(host)
    record = source.record
    if record is None or not source.has_cell(host):
        return np.asarray(alone)
    symbols = {get_symbol(number) for number in host.numbers[host.inserted].tolist()} | {"D", "T"}
    if any(is_partial(site) and site.symbol in symbols for site in record.sites):
        return np.asarray(alone)
    operations = record.operations
    pure = np.isclose(operations.rotations, np.eye(3)).all(axis=(1, 2))
    apart = translations.fractions[:, None] - operations.translations[pure]
    listed = (np.abs(apart - np.rint(apart)) < _DECLARED).all(axis=2).any(axis=1)
    return np.asarray(alone | listed)


def _divides(host: StructureBatch, translations: Translations) -> bool:
    """Return whether inserted sites that nothing carries can repeat by the translations."""
    free = host.numbers[host.inserted][read_parents(host) == UNKNOWN]
    counts = np.unique(free, return_counts=True)[1]
    return bool((counts % len(translations) == 0).all())


def _keep(host: StructureBatch, repeats: int) -> StructureBatch:
    """Return a host that is searched in the cell of its file although its known sites repeat."""
    count = int(host.insert_counts[0])
    note = (
        f"Searched in the cell of the file: the known sites repeat {repeats} times in it, but "
        f"{count} inserted sites, or the atoms that carry them, cannot."
    )
    return _annotate(host, {"repeats": 1, "search": 0, "searches": 1}, note)


def _reduce(
    host: StructureBatch, translations: Translations, search: int, searches: int, note: str
) -> StructureBatch:
    about: dict[str, Any] = {"repeats": len(translations), "search": search, "searches": searches}
    if len(translations) == 1:
        return _annotate(host, about, note)
    primitive = PrimitiveCell.of(host, translations)
    reduced = primitive.reduce(host)
    # The text of the source has another cell.
    metadata = {key: value for key, value in reduced.metadata[0].items() if key != "record"}
    reduced = replace(reduced, metadata=(metadata,))
    return _annotate(reduced, {**about, "cell": primitive.as_json()}, note)


def _annotate(host: StructureBatch, about: dict[str, Any], note: str) -> StructureBatch:
    metadata = host.metadata[0]
    notes = [*(metadata.get("notes") or ()), note]
    return replace(host, metadata=({**metadata, SEARCHED: about, "notes": notes},))


def _say(
    host: StructureBatch, chosen: Translations, declared: Translations, cell: SearchedCell
) -> str:
    """Say in which cells a host is searched, and what that assumes."""
    sites = host.n_sites // len(chosen)
    said = (
        f"Searched in the primitive cell of {sites} sites, {_name_part(len(chosen))} of the file's"
    )
    if len(chosen) == len(declared):
        return f"{said}: inserted sites repeat as the space group of the file says."
    if cell == "primitive":
        return f"{said}: it was assumed that inserted sites repeat with the lattice of the host."
    larger = host.n_sites // len(declared)
    return (
        f"{said}, and in the cell of {larger} sites: the host repeats in it, and the file does not "
        "say whether inserted sites do."
    )


def _name_part(count: int) -> str:
    return {2: "a half", 3: "a third", 4: "a quarter"}.get(count, f"1/{count}")
