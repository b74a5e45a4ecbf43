"""Records from the structures of OPTIMADE, the common interface of databases of materials.

A structure lists all atoms of the cell and no symmetry. What it says about missing hydrogen:
`chemical_formula_reduced` counts it, `attached` of a species says which atoms carry it, and the
features `implicit_atoms` and `site_attachments` that there is some.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from aiida_hpaint.science.structures.elements import is_element
from aiida_hpaint.science.structures.errors import HostError, make_host_error
from aiida_hpaint.science.structures.file_limits import check_site_count
from aiida_hpaint.science.structures.reading.text import check_is_file
from aiida_hpaint.science.structures.records import ListedSite, Record
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray

__all__ = ["is_optimade", "read_optimade"]

_HELP = "Report it to the provider, or take the structure from its CIF"


def is_optimade(document: Any) -> bool:
    """Return whether a JSON document is an OPTIMADE structure, or a list of them."""
    entries = document.get("data") if isinstance(document, dict) else None
    first = entries[0] if isinstance(entries, list) and entries else entries
    return isinstance(first, dict) and isinstance(first.get("attributes"), dict)


def read_optimade(path: Path) -> list[Record | HostError]:
    """Read the structures of an OPTIMADE answer that was saved as JSON.

    Raises
    ------
    HostError
        If the file is no such answer.
    """
    check_is_file(path)
    content = path.read_bytes()
    try:
        document = json.loads(content)
    except ValueError as error:
        raise make_host_error(path.name, f"it is no JSON ({error})", "Save it again") from None
    if not is_optimade(document):
        raise make_host_error(
            path.name,
            "it has no structures of OPTIMADE (`data` with `attributes`)",
            "Give a structure as CIF, POSCAR or extended XYZ, or an answer of OPTIMADE",
        )
    entries = document["data"] if isinstance(document["data"], list) else [document["data"]]
    found: list[Record | HostError] = []
    for entry in entries:
        label = str(entry.get("id") or path.stem)
        try:
            record = _read_entry(entry["attributes"], label, path.name)
            found.append(replace(record, source_hash=sha256(content).hexdigest()))
        except HostError as error:
            found.append(error)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            reason = f"it breaks the rules of OPTIMADE ({type(error).__name__}: {error})"
            found.append(make_host_error(label, reason, _HELP))
    return found


def _read_entry(attributes: Mapping[str, Any], label: str, source: str) -> Record:
    if attributes.get("dimension_types", [1, 1, 1]) != [1, 1, 1]:
        raise make_host_error(label, "it is not periodic in three dimensions", "Leave it out")
    vectors, positions = attributes.get("lattice_vectors"), attributes["cartesian_site_positions"]
    if vectors is None or any(value is None for row in vectors for value in row):
        raise make_host_error(label, "it has no complete cell", _HELP)
    cell = np.asarray(vectors, dtype=float).reshape(3, 3)
    features = tuple(attributes.get("structure_features") or ())
    notes = ["OPTIMADE lists all atoms of the cell without their symmetry."]
    notes += [f"The provider marks it with {each!r}." for each in features]
    formulas = {
        "sum": _space_formula(attributes.get("chemical_formula_reduced")),
        "structural": attributes.get("chemical_formula_descriptive"),
    }
    identity = SymmetryOperations(cell, np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)))
    return Record(
        label=label,
        source=source,
        block="",
        cell=cell,
        operations=identity,
        sites=tuple(_iter_sites(attributes, positions, cell, label)),
        formulas={name: str(text) for name, text in formulas.items() if text},
        notes=tuple(notes),
    )


def _iter_sites(
    attributes: Mapping[str, Any], positions: Sequence[Any], cell: FloatArray, label: str
) -> Iterator[ListedSite]:
    species = {each["name"]: each for each in attributes["species"]}
    members = _read_assemblies(attributes.get("assemblies") or ())
    names = attributes["species_at_sites"]
    check_site_count(label, len(names))
    if len(names) != len(positions):
        reason = f"it has {len(positions)} positions and {len(names)} species at sites"
        raise make_host_error(label, reason, _HELP)
    numbers: Counter[str] = Counter()
    for site, (name, position) in enumerate(zip(names, positions, strict=True)):
        kind = species[name]
        assembly, group, probability = members.get(site, ("", "", 1.0))
        has_position = position is not None and not any(value is None for value in position)
        point = np.linalg.solve(cell.T, position) if has_position else None
        fractions = kind.get("concentration") or [1.0] * len(kind["chemical_symbols"])
        for symbol, fraction in zip(kind["chemical_symbols"], fractions, strict=True):
            if symbol == "vacancy":
                continue
            if not is_element(symbol):
                raise make_host_error(label, f"site {site + 1} has the element {symbol!r}", _HELP)
            numbers[symbol] += 1
            yield ListedSite(
                label=f"{symbol}{numbers[symbol]}",
                symbol=symbol,
                position=None if point is None else (point[0], point[1], point[2]),
                occupancy=float(fraction) * probability,
                assembly=assembly,
                group=group,
                attached_hydrogens=_count_attached(kind),
            )


def _read_assemblies(assemblies: Sequence[Any]) -> dict[int, tuple[str, str, float]]:
    """Return assembly, group and probability of the group of each site that is in one."""
    found = {}
    for number, assembly in enumerate(assemblies, start=1):
        groups = zip(assembly["sites_in_groups"], assembly["group_probabilities"], strict=True)
        for group, (sites, probability) in enumerate(groups, start=1):
            for site in sites:
                found[int(site)] = (str(number), str(group), float(probability))
    return found


def _count_attached(kind: Mapping[str, Any]) -> int | None:
    """Return the H atoms on a species that are not listed; None where it says nothing."""
    attached = kind.get("attached")
    if not attached:
        return None
    numbers = kind.get("nattached") or [1] * len(attached)
    return sum(
        int(number) for symbol, number in zip(attached, numbers, strict=True) if symbol == "H"
    )


def _space_formula(text: Any) -> str | None:
    """Return H2MgO2 as H2 Mg O2, as CIF has it."""
    return "".join(f" {c}" if c.isupper() else c for c in text).strip() if text else None
