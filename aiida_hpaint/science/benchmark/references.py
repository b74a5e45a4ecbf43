"""The references of a benchmark: complete structures, and the hosts that are left of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.structures import read_hosts, remove_sites
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.elements import get_atomic_number, get_symbol, is_element

Half = Literal["tune", "final"]


@dataclass(frozen=True)
class References:
    """H hosts, what they were taken from, and where that came from.

    Attributes
    ----------
    hosts, complete
        The same sites in the same order, without and with positions of the inserted ones.
    indices : (H,)
        Places in the files, from 0.
    source
        How they were read and chosen, as JSON.
    left_out
        Number of structures that do not have the element, or nothing else.
    """

    hosts: StructureBatch
    complete: StructureBatch
    indices: NDArray[np.int64]
    source: dict[str, Any]
    left_out: int


def read_references(
    files: Sequence[Path], element: str = "H", half: Half | None = None, limit: int | None = None
) -> References:
    """Read complete structures and take an element out.

    Parameters
    ----------
    files
        extxyz, CIF, ...
    half
        Only one half of them, see `find_half`.
    limit
        Only the first ones, of the half.

    Raises
    ------
    HostError
        If a file cannot be read.
    ValueError
        If the element is none, or nothing is left.
    """
    if not is_element(element):
        raise ValueError(f"there is no element {element!r}: write its symbol, like H or Li")
    complete = concatenate([replace(read_hosts(path), scalars={}) for path in files])
    fits = _with_host(complete, get_atomic_number(element))
    chosen = [
        i for i in np.flatnonzero(fits) if half in (None, find_half(complete[int(i)].numbers))
    ]
    if not chosen:
        of = "" if half is None else f" in the half '{half}'"
        raise ValueError(f"no structure{of} of {len(complete)} has {element} and another element")
    indices = np.array(chosen[:limit], dtype=np.int64)
    hosts, references = remove_sites(complete[indices], element)
    hashes = {path.name: hash_file(path) for path in files}
    source = {"references": hashes, "element": element, "half": half, "limit": limit}
    return References(hosts, references, indices, source, int((~fits).sum()))


def find_half(numbers: NDArray[np.int64]) -> Half:
    """The half of all crystals that a composition belongs to.

    By the last bit of the SHA-256 of its reduced formula, elements in alphabetical order, counts
    always written, such as H2Mg1O2: even is 'tune', odd is 'final'. All polymorphs of a compound
    are in one half, whatever else is in the file.
    """
    odd = hashlib.sha256(format_reduced_formula(numbers).encode()).digest()[-1] % 2
    return "final" if odd else "tune"


def format_reduced_formula(numbers: NDArray[np.int64]) -> str:
    """Symbols in alphabetical order, each with its count, divided by the common divisor."""
    elements, counts = np.unique(numbers, return_counts=True)
    reduced = (counts // np.gcd.reduce(counts)).tolist()
    pairs = zip((get_symbol(int(element)) for element in elements), reduced, strict=True)
    return "".join(f"{symbol}{count}" for symbol, count in sorted(pairs))


def _with_host(structures: StructureBatch, number: int) -> NDArray[np.bool_]:
    """(S,) whether a structure has the element and another one."""
    removed = np.bincount(
        structures.owners, weights=structures.numbers == number, minlength=len(structures)
    )
    return np.asarray((removed > 0) & (removed < structures.site_counts))
