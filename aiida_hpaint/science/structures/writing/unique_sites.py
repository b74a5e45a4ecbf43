"""The asymmetric unit of a restored crystal: which sites a file lists, and under which labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.insertion import ISOTOPE
from aiida_hpaint.science.structures.writing.kept_symmetry import KeptSymmetry
from aiida_hpaint.science.structures.writing.site_labels import (
    label_hydrogens,
    label_plainly,
    label_split_site,
)
from aiida_hpaint.science.structures.writing.source import HostSource
from aiida_hpaint.science.structures.writing.versions import NO_PARENT, find_nearest_image
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["UniqueSite", "list_unique_sites"]


@dataclass(frozen=True, eq=False)
class UniqueSite:
    """One site of the asymmetric unit.

    Attributes
    ----------
    label
        Its label, unique in the crystal.
    symbol
        Element symbol; D and T where the source has them.
    position : (3,)
        Fractional coordinates.
    members : (m,)
        Its site and all equivalents, as indices into the structure; its own comes first.
    parent
        Label of the site that carries it; empty for other sites than H.
    listed
        Label of the host site in its record; empty for inserted sites.
    is_first
        False for the second and later parts of a listed site that split.
    is_inserted
        True for sites that were inserted.
    """

    label: str
    symbol: str
    position: FloatArray
    members: IntArray
    parent: str = ""
    listed: str = ""
    is_first: bool = True
    is_inserted: bool = False


def list_unique_sites(
    structure: StructureBatch, source: HostSource, symmetry: KeptSymmetry, parents: IntArray
) -> tuple[UniqueSite, ...]:
    """List one site of each orbit: those of the host in their order, then inserted ones.

    Sites of the host keep the label and the place that the source gives them. Parts of a listed
    site that splits get a number, and inserted H are next to the listed site that carries them,
    and labelled after it.

    Parameters
    ----------
    structure
        All sites of the cell; a batch of one.
    source
        What the source of the host says.
    symmetry
        The operations of the structure.
    parents : (n,)
        Site that carries each site, as `find_parents` returns it.
    """
    taken = [site.label for site in source.record.sites] if source.record is not None else []
    taken += [label for label in source.labels if label not in taken]
    hosts, owner = _list_host_sites(structure, source, symmetry, taken)
    return (*hosts, *_list_inserted(structure, symmetry, parents, owner, taken))


def _list_host_sites(
    structure: StructureBatch, source: HostSource, symmetry: KeptSymmetry, taken: list[str]
) -> tuple[list[UniqueSite], dict[int, str]]:
    """Return sites of the host, and the label of each by its index; labels become `taken`."""
    indices = np.flatnonzero(~structure.inserted)
    names = dict(zip(indices.tolist(), source.labels, strict=bool(source.labels)))
    found: list[UniqueSite] = []
    for index in indices[symmetry.orbits[indices] == indices].tolist():
        symbol, listed = get_symbol(int(structure.numbers[index])), names.get(index, "")
        label = listed or label_plainly(symbol, taken)
        if any(site.label == label for site in found):
            label = label_split_site(label, taken)
        taken.append(label)
        known = source.find_site(listed)
        if known is not None and structure.numbers[index] == 1:
            symbol = known.symbol
        found.append(
            UniqueSite(
                label,
                symbol,
                structure.frac_coords[index],
                np.flatnonzero(symmetry.orbits == index).astype(np.int64),
                listed=listed,
                is_first=not listed or label == listed,
            )
        )
    return found, {int(site.members[0]): site.label for site in found}


def _list_inserted(
    structure: StructureBatch,
    symmetry: KeptSymmetry,
    parents: IntArray,
    owner: dict[int, str],
    taken: list[str],
) -> list[UniqueSite]:
    found = []
    isotope = str(structure.metadata[0].get(ISOTOPE) or "H")
    for parent, sites in _group_by_parent(structure, symmetry, parents, owner).items():
        labels = _label_inserted(structure, parent, sites, owner, taken, isotope)
        taken.extend(labels)
        for index, label in zip(sites, labels, strict=True):
            position = structure.frac_coords[index]
            if parent == NO_PARENT:
                position = position - np.floor(position)
            else:
                target = structure.frac_coords[parent]
                position = find_nearest_image(position[None], target, structure.cells[0])[0]
            orbit = np.flatnonzero(symmetry.orbits == symmetry.orbits[index])
            found.append(
                UniqueSite(
                    label,
                    _get_symbol(structure, index, isotope),
                    position,
                    np.array([index, *orbit[orbit != index]], dtype=np.int64),
                    parent=owner.get(parent, ""),
                    is_inserted=True,
                )
            )
    return found


def _group_by_parent(
    structure: StructureBatch, symmetry: KeptSymmetry, parents: IntArray, owner: dict[int, str]
) -> dict[int, list[int]]:
    """Choose one site of each inserted orbit, next to a listed site where that carries one."""
    chosen: dict[int, list[int]] = {}
    for first in np.unique(symmetry.orbits[structure.inserted]).tolist():
        members = np.flatnonzero(symmetry.orbits == first).tolist()
        carried = [index for index in members if int(parents[index]) in owner]
        parent = int(parents[carried[0]]) if carried else NO_PARENT
        chosen.setdefault(parent, []).append((carried or members)[0])
    order = sorted(chosen, key=lambda parent: (parent == NO_PARENT, parent))
    return {parent: chosen[parent] for parent in order}


def _label_inserted(
    structure: StructureBatch,
    parent: int,
    sites: list[int],
    owner: dict[int, str],
    taken: list[str],
    isotope: str,
) -> list[str]:
    if parent != NO_PARENT:
        carrier = get_symbol(int(structure.numbers[parent]))
        return label_hydrogens(owner[parent], carrier, len(sites), taken, isotope)
    labels: list[str] = []
    for index in sites:
        symbol = _get_symbol(structure, index, isotope)
        labels.append(label_plainly(symbol, [*taken, *labels]))
    return labels


def _get_symbol(structure: StructureBatch, index: int, isotope: str) -> str:
    symbol = get_symbol(int(structure.numbers[index]))
    return isotope if symbol == "H" else symbol
