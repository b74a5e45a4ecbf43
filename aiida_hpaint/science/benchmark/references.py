"""References of a benchmark: complete structures, and hosts without one of their elements."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.plausibility import find_parents
from aiida_hpaint.science.structures import read_hosts, remove_sites
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import write_parents
from aiida_hpaint.science.structures.elements import (
    get_atomic_number,
    get_symbol,
    hint_at_symbol,
    is_element,
)
from aiida_hpaint.science.structures.safe_text import make_safe_names

Half = Literal["tune", "final"]


@dataclass(frozen=True)
class References:
    """H hosts, the complete structures that they come from, and the source of these.

    Attributes
    ----------
    hosts, complete
        Structures without and with positions of the inserted sites; sites in the same order.
    indices : (H,)
        Indices in the files, from 0.
    source
        Files and options that they were read with, as JSON.
    left_out
        Number of structures without the element, or without any other element.
    """

    hosts: StructureBatch
    complete: StructureBatch
    indices: NDArray[np.int64]
    source: dict[str, Any]
    left_out: int


def read_references(
    files: Sequence[Path],
    element: str = "H",
    half: Half | None = None,
    limit: int | None = None,
    budget: bool = False,
    max_sites: int | None = None,
    min_sites: int | None = None,
) -> References:
    """Read complete structures and remove the sites of an element.

    Parameters
    ----------
    files
        Files of complete structures (extxyz, CIF, ...).
    element
        Symbol of the element that is removed and restored.
    half
        Half that is read, see `find_half`; None: all.
    limit
        Largest number of structures, counted within the half.
    budget
        Whether the hosts say which atoms carry the removed H, as labels of records do (`OH`,
        `Wat`); see `add_budget`.
    max_sites, min_sites
        Largest and smallest number of sites of a structure; None: any.

    Raises
    ------
    HostError
        If a file cannot be read.
    ValueError
        If there is no such element, or no structure is left.
    """
    options = (element, half, limit, budget, max_sites, min_sites)
    return _select({path: _read(path) for path in files}, *options)


def read_reference_sets(files: Sequence[Path], *options: Any) -> dict[str, References]:
    """Read several sets of references, by names that follow from those of the files.

    Each file that holds several structures is a set of its own. All files that hold a single one
    are a set together.

    Parameters
    ----------
    files, options
        See `read_references`, also for what is raised.
    """
    batches = {path: _read(path) for path in files}
    single = [path for path, batch in batches.items() if len(batch) == 1]
    sets = [[path] for path in files if path not in single] + ([single] if single else [])
    names = make_safe_names(one[0].stem if len(one) == 1 else "single" for one in sets)
    return {
        name: _select({path: batches[path] for path in one}, *options)
        for name, one in zip(names, sets, strict=True)
    }


def _read(path: Path) -> StructureBatch:
    return replace(read_hosts(path), scalars={})


def _select(
    batches: Mapping[Path, StructureBatch],
    element: str = "H",
    half: Half | None = None,
    limit: int | None = None,
    budget: bool = False,
    max_sites: int | None = None,
    min_sites: int | None = None,
) -> References:
    if not is_element(element):
        raise ValueError(f"there is no element {element!r}: {hint_at_symbol(element)}")
    complete = concatenate(list(batches.values()))
    fits = _has_host(complete, get_atomic_number(element))
    sites = complete.site_counts
    sized = fits & (sites <= (max_sites or np.inf)) & (sites >= (min_sites or 0))
    chosen = [
        i for i in np.flatnonzero(sized) if half in (None, find_half(complete[int(i)].numbers))
    ]
    if not chosen:
        of = "" if half is None else f" in the half '{half}'"
        of += "" if min_sites is None else f" with at least {min_sites} sites"
        of += "" if max_sites is None else f" with up to {max_sites} sites"
        names = ", ".join(path.name for path in batches)
        raise ValueError(
            f"no structure{of} of {len(complete)} has {element} and another element ({names})"
        )
    indices = np.array(chosen[:limit], dtype=np.int64)
    hosts, references = remove_sites(complete[indices], element)
    hashes = {path.name: hash_file(path) for path in batches}
    source: dict[str, Any] = {"references": hashes, "element": element}
    source |= {"half": half, "limit": limit, "max_sites": max_sites, "min_sites": min_sites}
    if budget:
        hosts, references = add_budget(hosts, references)
        source["budget"] = True
    return References(hosts, references, indices, source, int((~fits).sum()))


def add_budget(
    hosts: StructureBatch, complete: StructureBatch
) -> tuple[StructureBatch, StructureBatch]:
    """Return hosts and complete structures with the parents of all H in their metadata.

    How many H each atom carries is all that the hosts get to know. Inserted sites that nothing
    carries, and elements other than H, have no parent.
    """
    parents = [find_parents(one) for one in complete]
    return write_parents(hosts, parents), write_parents(complete, parents)


def find_half(numbers: NDArray[np.int64]) -> Half:
    """Return the half of all crystals that a composition belongs to.

    It follows from the last bit of the SHA-256 of its reduced formula with elements in alphabetical
    order and all counts, such as H2Mg1O2: even is 'tune', odd is 'final'. All polymorphs of a
    compound are in the same half, whatever else is in the file.
    """
    odd = hashlib.sha256(format_reduced_formula(numbers).encode()).digest()[-1] % 2
    return "final" if odd else "tune"


def format_reduced_formula(numbers: NDArray[np.int64]) -> str:
    """Return the reduced formula: symbols in alphabetical order, each with its count."""
    elements, counts = np.unique(numbers, return_counts=True)
    reduced = (counts // np.gcd.reduce(counts)).tolist()
    pairs = zip((get_symbol(int(element)) for element in elements), reduced, strict=True)
    return "".join(f"{symbol}{count}" for symbol, count in sorted(pairs))


def _has_host(structures: StructureBatch, number: int) -> NDArray[np.bool_]:
    """Return (S,) whether each structure has the element and another one."""
    removed = np.bincount(
        structures.owners, weights=structures.numbers == number, minlength=len(structures)
    )
    return np.asarray((removed > 0) & (removed < structures.site_counts))
