"""Whole cells from records: every listed site with its equivalents, nothing merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from aiida_hpaint.science.structures.batch import Json, StructureBatch
from aiida_hpaint.science.structures.conversion import note_isotopes
from aiida_hpaint.science.structures.elements import ISOTOPES, get_atomic_number
from aiida_hpaint.science.structures.errors import HostError, HostProblem, make_host_error
from aiida_hpaint.science.structures.file_limits import check_site_count
from aiida_hpaint.science.structures.records import ListedSite, Record
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray

__all__ = ["SAME_IMAGE", "expand_record", "find_images", "find_site_images", "is_partial"]

SAME_IMAGE = 0.05
"""Images of one site closer than this (Å) are that site, on a special position; images of
different sites are never merged."""

_TYPED_IMAGE = 0.2
"""The same for fully occupied sites, whose coordinates may be typed to few digits, if all their
images pair up so. Atoms that are disordered about a special position are as close."""

FULL_OCCUPANCY = 1e-3
"""How far from one an occupancy may be by rounding."""


def expand_record(record: Record, missing: Collection[str] = ("H", *ISOTOPES)) -> StructureBatch:
    """Make the whole cell of an ordered record.

    Sites come in the order of the list, each followed by its symmetry equivalents; listed
    coordinates are kept as they are, equivalents lie in [0, 1). Dummies, sites of the missing
    elements without a position, and sites with occupancy 0 are left out, which a note says.

    Parameters
    ----------
    record
        The record.
    missing
        Elements whose sites may lack positions: those that are to be inserted.

    Raises
    ------
    HostError
        If another site has no position, a site is occupied partially, or no site is left.
    """
    _check_sites(record, missing)
    kept = [site for site in record.sites if _is_atom(site)]
    if not kept:
        raise make_host_error(record.label, "it lists no atom", "Give the positions of the atoms")
    # Most images coincide only in special cells.
    check_site_count(record.label, len(kept) * len(record.operations.rotations) // 10)
    merged = [
        _merge_images(np.array(site.position), record.operations, is_partial(site)) for site in kept
    ]
    images = [found for found, _ in merged]
    typed = [site.label for site, (_, far) in zip(kept, merged, strict=True) if far > SAME_IMAGE]
    symbols = [s.symbol for s, found in zip(kept, images, strict=True) for _ in found]
    isotopes = Counter(symbol for symbol in symbols if symbol in ISOTOPES)
    metadata: dict[str, Json] = {
        "source": record.source,
        "block": record.block,
        "source_hash": record.source_hash,
        "notes": [*record.notes, *_note_dropped(record), *_note_merged(typed)],
        "site_labels": [s.label for s, found in zip(kept, images, strict=True) for _ in found],
        "formula": record.formulas.get("sum"),
        "units": None if record.units is None else f"{record.units:g}",
    }
    if record.disorder:
        metadata["disorder"] = dict(record.disorder)
    if record.text:
        metadata["record"] = {"text": record.text, "format": record.format}
    return StructureBatch(
        labels=(record.label,),
        cells=record.cell[None],
        site_counts=np.array([len(symbols)]),
        numbers=np.array([get_atomic_number(symbol) for symbol in symbols], dtype=np.int64),
        frac_coords=np.concatenate(images),
        inserted=np.zeros(len(symbols), dtype=np.bool_),
        metadata=(note_isotopes(record.label, metadata, isotopes),),
    )


def find_images(
    position: FloatArray, operations: SymmetryOperations, are_strict: bool = True
) -> FloatArray:
    """Return all (m, 3) positions of one site (fractional), the given one first.

    Those of a fully occupied site may be typed to few digits: unless `are_strict`, images up to
    0.2 Å apart are the same one.
    """
    return _merge_images(position, operations, are_strict)[0]


def find_site_images(site: ListedSite, operations: SymmetryOperations) -> FloatArray:
    """Return all (m, 3) positions of a listed site that has one (fractional), its own first."""
    position = np.array(site.position, dtype=np.float64)
    return find_images(position, operations, is_partial(site))


def _merge_images(
    position: FloatArray, operations: SymmetryOperations, are_strict: bool
) -> tuple[FloatArray, float]:
    """Return the images of a site, and how far apart (Å) those were that are the same site."""
    moved = np.mod(operations.images(position[None])[:, 0], 1.0)
    moved[moved == 1.0] = 0.0  # what a tiny negative number becomes
    images = np.concatenate([position[None], moved])
    apart = images[:, None] - images
    apart -= np.round(apart)
    distances = np.linalg.norm(apart @ operations.cell, axis=2)
    for tolerance in (SAME_IMAGE,) if are_strict else (_TYPED_IMAGE, SAME_IMAGE):
        close = distances < tolerance
        # Each image has to merge with the same ones as its partners, and with as many as others.
        if (close[close.argmax(axis=1)] == close).all() and len(set(close[1:, 1:].sum(0))) == 1:
            break
    kept = np.unique(close.argmax(axis=1))
    return images[kept], float(distances[close].max())


def _check_sites(record: Record, missing: Collection[str]) -> None:
    placing = "Give its position, or remove the row if this site is to be restored"
    ordering = "Choose one ordered configuration, with every site occupied fully"
    problems = []
    for site in record.sites:
        name = f"site {site.label}"
        if site.is_dummy:
            continue
        if site.position is None and site.symbol not in missing:
            problems.append(HostProblem(record.label, "it has no position", placing, name))
        elif is_partial(site):
            reason = f"its occupancy is {site.occupancy:g}"
            problems.append(HostProblem(record.label, reason, ordering, name))
    if problems:
        raise HostError(problems)


def is_partial(site: ListedSite) -> bool:
    """Return whether a site is occupied partially, beyond rounding."""
    return 0 < site.occupancy < 1 - FULL_OCCUPANCY


def _is_atom(site: ListedSite) -> bool:
    return not site.is_dummy and site.position is not None and site.occupancy > 0


def _note_dropped(record: Record) -> list[str]:
    kinds = {
        "marked as dummies": [s.label for s in record.sites if s.is_dummy],
        "without a position": [
            s.label for s in record.sites if s.position is None and not s.is_dummy
        ],
        "with occupancy 0": [
            s.label
            for s in record.sites
            if s.position is not None and not s.is_dummy and s.occupancy <= 0
        ],
    }
    return [
        f"Rows {kind} were left out: {', '.join(labels)}."
        for kind, labels in kinds.items()
        if labels
    ]


def _note_merged(labels: Sequence[str]) -> list[str]:
    if not labels:
        return []
    return [
        f"Images closer than {_TYPED_IMAGE} Å were taken as one site on a special position: "
        f"{', '.join(labels)}."
    ]
