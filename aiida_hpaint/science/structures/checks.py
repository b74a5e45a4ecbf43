"""Checks of hosts: all problems of all structures, before any job starts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import MAX_ATOMIC_NUMBER, get_symbol
from aiida_hpaint.science.structures.errors import HostError, HostProblem, name_site
from aiida_hpaint.science.structures.file_limits import MAX_SITES
from aiida_hpaint.science.types import FloatArray, IntArray
from aiida_hpaint.science.wording import format_count


@dataclass(frozen=True)
class HostLimits:
    """Limits beyond which a structure is refused; they catch mistakes, not odd chemistry.

    Attributes
    ----------
    distance : float
        Smallest distance between two sites, in Å. H2 has 0.74.
    distance_ratio : float
        Smallest distance as a fraction of the sum of the covalent radii (Cordero et al., Dalton
        Trans. 2008, 2832). The shortest bonds known come to about 0.75.
    vector : float
        Shortest lattice vector, in Å.
    flatness : float
        Smallest ratio of the cell's volume to that of a brick with the same edges.
    volume_per_inserted : float
        Smallest volume of the cell for each inserted site, in Å³. Among hydrides at ambient
        pressure, VH2 has 9.5 per H, TiH2 and Mg2FeH6 11; LaH10 at 170 GPa has 3.3.
    volume_per_site : float
        The same for each site, host or inserted, in Å³. LaH10 at 170 GPa has 3.0.
    largest_volume_per_site : float
        Largest volume of the cell for each site, in Å³. The lightest frameworks have 50; a cell in
        other units than Å has 1000 times of it and more.
    """

    distance: float = 0.5
    distance_ratio: float = 0.4
    vector: float = 1.0
    flatness: float = 1e-3
    volume_per_inserted: float = 3.0
    volume_per_site: float = 2.5
    largest_volume_per_site: float = 1e4


DEFAULT_LIMITS = HostLimits()

_MAX_DISTANCES = 300_000  # held in memory at once


def check_hosts(batch: StructureBatch, limits: HostLimits = DEFAULT_LIMITS) -> StructureBatch:
    """Return the batch if every structure can serve as a host.

    Parameters
    ----------
    batch : StructureBatch
        Hosts, with or without the sites that are to be inserted.
    limits : HostLimits
        Limits beyond which a structure is refused.

    Raises
    ------
    HostError
        With all problems of all structures, each naming structure, site, value and remedy.
    """
    problems = [problem for one in batch for problem in find_problems(one, limits)]
    if problems:
        raise HostError(problems)
    return batch


def separate_usable_hosts(
    batch: StructureBatch, limits: HostLimits = DEFAULT_LIMITS
) -> tuple[StructureBatch, tuple[HostProblem, ...]]:
    """Return the structures that can serve as hosts, and the problems of the others."""
    found = [list(find_problems(one, limits)) for one in batch]
    good = [index for index, problems in enumerate(found) if not problems]
    return batch[np.array(good, dtype=np.int64)], tuple(itertools.chain.from_iterable(found))


MAX_LABEL_LENGTH = 200
"""Largest number of characters of a label. Labels of AiiDA have up to 255, with other words."""


def find_problems(
    one: StructureBatch, limits: HostLimits = DEFAULT_LIMITS
) -> Iterator[HostProblem]:
    """Find all problems of a single structure; none if it can serve as a host."""
    label = one.labels[0]
    yield from _name_problems(label)
    if one.n_sites > MAX_SITES:
        reason = f"it has {one.n_sites} sites, and at most {MAX_SITES} are read"
        yield HostProblem(label, reason, "Give a smaller cell")
        return
    if not np.any(~one.inserted):
        yield HostProblem(label, "it has no host site", "Give a structure with sites")
        return
    cell_problems = list(_cell_problems(one, limits))
    yield from cell_problems
    site_problems = list(_site_problems(one))
    yield from site_problems
    if not cell_problems and not site_problems:
        yield from find_overfull_cell(one, limits)
        yield from _overlaps(one, limits)


def _name_problems(label: str) -> Iterator[HostProblem]:
    """Find characters that would act on terminals, tables, files or databases."""
    remedy = "Rename it: the file, the block of the CIF, or the label"
    if not label.isprintable():
        yield HostProblem(label, "its name holds characters that cannot be printed", remedy)
    if len(label) > MAX_LABEL_LENGTH:
        reason = f"its name has {len(label)} characters; the limit is {MAX_LABEL_LENGTH}"
        yield HostProblem(f"{label[:40]}...", reason, remedy)


def _cell_problems(one: StructureBatch, limits: HostLimits) -> Iterator[HostProblem]:
    cell, label = one.cells[0], one.labels[0]
    remedy = "Give three lattice vectors in Å that span a volume"
    if not np.isfinite(cell).all():
        yield HostProblem(label, "its cell is not a number", remedy)
        return
    lengths = np.linalg.norm(cell, axis=1)
    volume = abs(float(np.linalg.det(cell)))
    if lengths.max() == 0.0:
        yield HostProblem(label, "it has no cell", remedy)
    elif lengths.min() < limits.vector:
        reason = f"its shortest lattice vector is {lengths.min():.3g} Å"
        yield HostProblem(label, reason, remedy)
    elif volume < limits.flatness * lengths.prod():
        reason = f"its cell is flat (volume {volume:.3g} Å³, edges {_listed(lengths)} Å)"
        yield HostProblem(label, reason, remedy)


def _site_problems(one: StructureBatch) -> Iterator[HostProblem]:
    label = one.labels[0]
    for index in np.flatnonzero((one.numbers < 1) | (one.numbers > MAX_ATOMIC_NUMBER)).tolist():
        reason = f"it has atomic number {one.numbers[index]}, which no element has"
        yield HostProblem(label, reason, "Replace or remove it", name_site(index, "X"))
    finite = np.isfinite(one.frac_coords).all(axis=1)
    # Inserted sites need no position yet; NaN marks them.
    waiting = one.inserted & np.isnan(one.frac_coords).all(axis=1)
    for index in np.flatnonzero(~finite & ~waiting).tolist():
        reason = f"its position is {_listed(one.frac_coords[index])}"
        name = name_site(index, get_symbol(int(one.numbers[index])))
        yield HostProblem(label, reason, "Give it a position, or remove it", name)


def find_overfull_cell(
    one: StructureBatch, limits: HostLimits = DEFAULT_LIMITS
) -> Iterator[HostProblem]:
    """Find out whether a structure has more sites than fit in its cell, or next to none."""
    inserted, volume = int(one.inserted.sum()), abs(float(np.linalg.det(one.cells[0])))
    for count, limit, what in (
        (inserted, limits.volume_per_inserted, format_count(inserted, "inserted site")),
        (one.n_sites, limits.volume_per_site, format_count(one.n_sites, "site")),
    ):
        if count * limit > volume:
            most = int(volume // limit)
            reason = f"{what} cannot fit into {volume:.4g} Å³ (at most {most})"
            yield HostProblem(one.labels[0], reason, "Add fewer, or check the cell (Å)")
            return
    if volume > limits.largest_volume_per_site * one.n_sites:
        reason = f"its cell of {volume:.4g} Å³ holds {format_count(one.n_sites, 'site')} only"
        yield HostProblem(one.labels[0], reason, "Give lengths in Å, or a smaller cell")


def _overlaps(one: StructureBatch, limits: HostLimits) -> Iterator[HostProblem]:
    placed = np.flatnonzero(np.isfinite(one.frac_coords).all(axis=1))
    pairs = find_overlapping_pairs(
        one.frac_coords[placed], one.numbers[placed], one.cells[0], limits
    )
    if not pairs:
        return
    i, j, distance = min(pairs, key=lambda pair: pair[2])
    first, second = (
        name_site(int(placed[k]), get_symbol(int(one.numbers[placed[k]]))) for k in (i, j)
    )
    more = (
        f", and {format_count(len(pairs) - 1, 'more pair is', 'more pairs are')} too close"
        if len(pairs) > 1
        else ""
    )
    reason = f"it is {distance:.3f} Å from {second}{more}"
    remedy = "Remove one of them: disorder has to be resolved first"
    yield HostProblem(one.labels[0], reason, remedy, first)


def find_overlapping_pairs(
    frac_coords: FloatArray, numbers: IntArray, cell: FloatArray, limits: HostLimits
) -> list[tuple[int, int, float]]:
    """Find pairs of sites (i <= j) closer than the limits, images included; distances in Å."""
    from ase.data import covalent_radii

    radii = np.asarray(covalent_radii)[numbers]
    reach = max(limits.distance, 2 * limits.distance_ratio * float(radii.max(initial=0.0)))
    coords, vectors = _compact(frac_coords, cell, reach)
    heights = 1 / np.linalg.norm(np.linalg.inv(vectors), axis=0)
    # If the reach is below half the height, the image with the smallest components is nearest.
    spans = [0 if reach < height / 2 else int(np.ceil(reach / height + 0.5)) for height in heights]
    shifts = np.array(list(itertools.product(*(range(-n, n + 1) for n in spans))), dtype=float)
    pairs: list[tuple[int, int, float]] = []
    rows = max(1, _MAX_DISTANCES // (len(coords) * len(shifts) + 1))
    for start in range(0, len(coords), rows):
        apart = coords[None, start:] - coords[start : start + rows, None]
        apart -= np.round(apart)
        lengths = np.linalg.norm((apart[:, :, None] + shifts) @ vectors, axis=3)
        itself = np.arange(len(lengths))
        lengths[itself, itself, len(shifts) // 2] = np.inf
        nearest = lengths.min(axis=2)
        sums = radii[None, start:] + radii[start : start + rows, None]
        close = nearest < np.maximum(limits.distance, limits.distance_ratio * sums)
        for i, j in zip(*np.nonzero(np.triu(close)), strict=True):
            pairs.append((start + int(i), start + int(j), float(nearest[i, j])))
    return pairs


def _compact(
    frac_coords: FloatArray, cell: FloatArray, reach: float
) -> tuple[FloatArray, FloatArray]:
    """Return the same lattice with short vectors, if the given ones would need many images."""
    if (1 / np.linalg.norm(np.linalg.inv(cell), axis=0)).min() > 2 * reach:
        return frac_coords, cell
    from pymatgen.core import Lattice

    reduced = np.array(Lattice(cell).get_lll_reduced_lattice().matrix)
    return frac_coords @ cell @ np.linalg.inv(reduced), reduced


def _listed(values: FloatArray) -> str:
    return " ".join(f"{value:.4g}" for value in values)
