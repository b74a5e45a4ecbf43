"""Sites of a host that are chosen by element, label, number or place, and taken out of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import (
    ISOTOPES,
    get_atomic_number,
    get_symbol,
    is_element,
)
from aiida_hpaint.science.structures.errors import make_host_error
from aiida_hpaint.science.structures.symmetry_operations import NEIGHBOURS
from aiida_hpaint.science.types import BoolArray, FloatArray

__all__ = ["REMOVED", "choose_sites", "take_out_sites"]

REMOVED = "removed_sites"
"""Key in the metadata of hosts that sites were taken out of: their numbers by element."""

_NUMBERS = re.compile(r"#(\d+)(?:-(\d+))?")
_SPHERE = re.compile(r"(.+?)\s+within\s+(\d*\.?\d+)\s+of\s+(.+)")


def choose_sites(one: StructureBatch, text: str) -> BoolArray:
    """Return (n,) which sites of one structure a text chooses.

    Parameters
    ----------
    one
        A batch of one structure.
    text
        Choices separated by commas, each an element (`H`), a label of the file (`H1A`), numbers of
        sites in their order (`#3`, `#3-6`), or one of these near a place: `H within 2.5 of N1`, in
        Å, where the place is a choice as well, or a point (`0.5 0.5 0.25`, fractional).

    Raises
    ------
    HostError
        If a choice is of no site.
    """
    chosen = np.zeros(one.n_sites, dtype=np.bool_)
    for part in text.split(","):
        chosen |= _choose(one, part.strip())
    return chosen


def take_out_sites(one: StructureBatch, text: str) -> StructureBatch:
    """Take the chosen sites out of one structure, which says so in a note.

    Its metadata keep the numbers of what was taken out, so that as many may be inserted again. A
    structure that sites were taken out of before stays as it is.

    Raises
    ------
    HostError
        If a choice is of no site, or nothing would be left.
    """
    if REMOVED in one.metadata[0] and not one.inserted.any():  # an answer has all of them again
        return one
    chosen = choose_sites(one, text)
    if chosen.all():
        raise make_host_error(
            one.labels[0], f"{text!r} chooses all of its sites", "Leave some, which are the host"
        )
    kept = ~chosen
    counts = Counter(get_symbol(number) for number in one.numbers[chosen].tolist())
    note = "Taken out of the host: " + " and ".join(f"{n} {symbol}" for symbol, n in counts.items())
    metadata = dict(one.metadata[0])
    labels = metadata.get("site_labels") or ()
    if len(labels) == one.n_sites:
        metadata["site_labels"] = [labels[site] for site in np.flatnonzero(kept)]
        note += f" ({', '.join(dict.fromkeys(labels[site] for site in np.flatnonzero(chosen)))})"
    metadata["notes"] = [*metadata.get("notes", ()), f"{note}."]
    metadata[REMOVED] = dict(counts)
    return replace(
        one,
        site_counts=np.array([int(kept.sum())]),
        numbers=one.numbers[kept],
        frac_coords=one.frac_coords[kept],
        inserted=one.inserted[kept],
        metadata=(metadata,),
    )


def _choose(one: StructureBatch, text: str) -> BoolArray:
    sphere = _SPHERE.fullmatch(text)
    if sphere is not None:
        what, radius, where = sphere.groups()
        points = _find_points(one, where)
        near = _find_distances(one, points) <= float(radius)
        # A site is not near itself.
        itself = _find_distances(one, points) < 1e-3
        found: BoolArray = _choose(one, what) & (near & ~itself).any(axis=1)
    elif numbers := _NUMBERS.fullmatch(text):
        first = int(numbers[1])
        last = int(numbers[2] or first)
        found = (np.arange(one.n_sites) >= first - 1) & (np.arange(one.n_sites) < last)
    elif text in ISOTOPES or is_element(text):
        found = one.numbers == get_atomic_number("H" if text in ISOTOPES else text)
    else:
        labels = list(one.metadata[0].get("site_labels") or ())
        same = np.array([label == text for label in labels], dtype=np.bool_)
        found = same if len(same) == one.n_sites else np.zeros(one.n_sites, dtype=np.bool_)
    if not found.any():
        raise make_host_error(
            one.labels[0],
            f"{text!r} chooses none of its sites",
            "Choose by an element (H), a label of the file (H1A), numbers (#3-6) or a place "
            "(H within 2.5 of N1)",
        )
    return found


def _find_points(one: StructureBatch, where: str) -> FloatArray:
    """Return (p, 3) fractional coordinates of a point, or of the sites of a choice."""
    parts = where.split()
    if len(parts) == 3:
        try:
            return np.array([[float(part) for part in parts]])
        except ValueError:
            pass
    return one.frac_coords[_choose(one, where.strip())]


def _find_distances(one: StructureBatch, points: FloatArray) -> FloatArray:
    """Return the (n, p) shortest distances of sites from points, in Å."""
    shifts = one.frac_coords[:, None] - points
    shifts -= np.rint(shifts)
    images = (shifts[:, :, None] + NEIGHBOURS) @ one.cells[0]
    return np.asarray(np.linalg.norm(images, axis=-1).min(axis=-1))
