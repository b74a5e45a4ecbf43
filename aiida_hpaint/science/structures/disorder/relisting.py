"""Records of a choice of images: what is left of the list of sites, in a subgroup."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.disorder.images import Images, is_placed
from aiida_hpaint.science.structures.records import ListedSite, Record, SpaceGroupName
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import IntArray
from aiida_hpaint.science.wording import format_count


def relist(images: Images, occupancies: Mapping[int, float], subgroup: IntArray) -> Record:
    """List the chosen images again, with a subgroup of the operations.

    Rows without position stay as they are. Where images of a site are not equivalent any more,
    each kind is listed, the label followed by a, b, ...

    Parameters
    ----------
    images : Images
        Those of the disordered record.
    occupancies : mapping
        For each chosen image its occupancy now.
    subgroup : (g,)
        Indices of the operations, which map the choice onto itself.
    """
    record, operations = images.record, images.record.operations
    taken = {site.label for site in record.sites}
    sites: list[ListedSite] = []
    sources: dict[str, str] = dict(record.disorder.get("sites", {}))
    for index, site in enumerate(record.sites):
        if not is_placed(site):
            sites.append(site)
            continue
        orbits = list(_orbits(images, images.of_site(index), occupancies, subgroup))
        names = _name_orbits(site.label, len(orbits), taken)
        for name, orbit in zip(names, orbits, strict=True):
            sites.append(_list_orbit(images, site, name, orbit, occupancies))
            if name != site.label:
                sources[name] = sources.get(site.label, site.label)
    if len(subgroup) == len(operations):
        return replace(record, sites=tuple(sites), disorder={**record.disorder, "sites": sources})
    kept = SymmetryOperations(
        operations.cell, operations.rotations[subgroup], operations.translations[subgroup]
    )
    before, after = name_group(operations), name_group(kept)
    note = (
        f"Symmetry lowered from {before} to {after} ({len(operations)} to "
        f"{format_count(len(kept), 'operation')}): of alternatives that "
        "the others map onto each other, one is chosen"
    )
    return replace(
        record,
        operations=kept,
        sites=tuple(sites),
        space_group=SpaceGroupName(),
        notes=(*record.notes, note),
        disorder={**record.disorder, "sites": sources},
    )


def name_group(operations: SymmetryOperations) -> str:
    """Return the Hermann-Mauguin symbol of the type of a space group."""
    import spglib

    found = spglib.get_spacegroup_type_from_symmetry(
        np.rint(operations.rotations).astype(np.intc), operations.translations, operations.cell
    )
    return "an unknown group" if found is None else str(found.international_short)


def _orbits(
    images: Images, own: IntArray, occupancies: Mapping[int, float], subgroup: IntArray
) -> Iterator[IntArray]:
    left = [image for image in own.tolist() if image in occupancies]
    while left:
        orbit = np.unique(images.moved[subgroup, left[0]])
        yield orbit
        left = [image for image in left if image not in orbit]


def _name_orbits(label: str, count: int, taken: set[str]) -> list[str]:
    if count < 2:
        return [label][:count]
    letters = list(string.ascii_lowercase)
    suffixes = letters[:count] if count <= 26 else [str(number + 1) for number in range(count)]
    while any(label + suffix in taken for suffix in suffixes):
        label += "_"
    taken.update(label + suffix for suffix in suffixes)
    return [label + suffix for suffix in suffixes]


def _list_orbit(
    images: Images,
    site: ListedSite,
    label: str,
    orbit: IntArray,
    occupancies: Mapping[int, float],
) -> ListedSite:
    x, y, z = images.frac[orbit.min()].tolist()
    occupancy = occupancies[int(orbit.min())]
    listed = replace(site, label=label, position=(x, y, z), occupancy=occupancy)
    return replace(listed, assembly="", group="") if occupancy == 1.0 else listed
