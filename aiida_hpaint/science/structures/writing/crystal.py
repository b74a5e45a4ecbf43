"""A restored crystal as a file gives it: space group, asymmetric unit, what changed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import (
    describe_cell_change,
    is_same_cell,
    measure_strain,
    name_cell_change,
)
from aiida_hpaint.science.structures.insertion import remove_inserted
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.structures.writing.kept_symmetry import KeptSymmetry, find_kept_symmetry
from aiida_hpaint.science.structures.writing.relaxed_cell import TOLERANCE as CELL_TOLERANCE
from aiida_hpaint.science.structures.writing.relaxed_cell import (
    find_fitting_operations,
    make_cell_symmetric,
)
from aiida_hpaint.science.structures.writing.source import HostSource, read_source
from aiida_hpaint.science.structures.writing.space_group_names import (
    GRID,
    NamedGroup,
    name_group,
)
from aiida_hpaint.science.structures.writing.unique_sites import UniqueSite, list_unique_sites
from aiida_hpaint.science.structures.writing.versions import (
    INSERTED,
    RELAXED,
    Version,
    check_answer,
    find_parents,
    place_in_fixed_host,
    place_sites,
)
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

__all__ = ["TOLERANCE", "RestoredCrystal", "describe_crystal", "find_host_group"]

TOLERANCE = 0.2
"""Largest distance in Å between an image and its site for an operation that an answer keeps: about
twice as far as either moves when both are averaged. Relaxed sites that should be equivalent differ
by less, and H that breaks the symmetry of a host by more."""

_HOST_TOLERANCE = 1e-3
"""The same for operations of hosts whose source lists none."""

_WORTH_SAYING = 1e-4
"""Strain from which on it is said that the relaxed cell was made symmetric."""


@dataclass(frozen=True, eq=False)
class RestoredCrystal:
    """One version of an answer.

    Attributes
    ----------
    structure
        All sites of the cell, symmetric under the operations; a batch of one.
    host
        The host that it was made from.
    source
        What the source of the host says.
    version
        `inserted` or `relaxed`.
    symmetry
        The operations that are kept, and those of the host that are not.
    names
        Names of the space group.
    sites
        The asymmetric unit: sites of the host in their order, then inserted ones.
    tolerance
        Largest distance in Å between an image and its site for an operation that is kept.
    averaged_by
        Largest shift of a site in Å by which the structure was made symmetric.
    notes
        What changed beside the inserted sites, one sentence each.
    """

    structure: StructureBatch
    host: StructureBatch
    source: HostSource
    version: Version
    symmetry: KeptSymmetry
    names: NamedGroup
    sites: tuple[UniqueSite, ...]
    tolerance: float
    averaged_by: float
    notes: tuple[str, ...]

    @property
    def composition(self) -> Counter[str]:
        """Number of atoms of each element or isotope in the cell."""
        return _count(self.sites)

    @property
    def inserted_composition(self) -> Counter[str]:
        """The same for the inserted sites."""
        return _count(site for site in self.sites if site.is_inserted)

    @property
    def displacements(self) -> FloatArray:
        """How far the (n,) host sites moved, in Å, without the drift and the strain of the cell."""
        now, before = (each.frac_coords[~each.inserted] for each in (self.structure, self.host))
        return np.asarray(np.linalg.norm((now - before) @ self.structure.cells[0], axis=1))

    @property
    def has_relaxed_cell(self) -> bool:
        """Whether the cell is another one than that of the host."""
        return not is_same_cell(self.host.cells[0], self.structure.cells[0])

    @property
    def keeps_symmetry(self) -> bool:
        """Whether all operations of the host are kept."""
        return len(self.symmetry.kept) == self.symmetry.tried


def _count(sites: Iterable[UniqueSite]) -> Counter[str]:
    found = Counter[str]()
    for site in sites:
        found[site.symbol] += len(site.members)
    return found


def describe_crystal(
    answer: StructureBatch,
    host: StructureBatch | None = None,
    version: Version = INSERTED,
    tolerance: float = TOLERANCE,
) -> RestoredCrystal:
    """Find out how one version of an answer is given back.

    Parameters
    ----------
    answer
        A restored structure, a batch of one.
    host
        The host that it was made from, with its metadata; None: sites of the host are taken to be
        where the answer has them, and nothing is known of a source.
    version
        `inserted` or `relaxed`.
    tolerance
        Largest distance in Å between an image and its site for an operation that is kept.

    Raises
    ------
    HostError
        If a site has no position.
    ValueError
        If there are several structures, or other sites than those of the host.
    """
    check_answer(answer if host is None else host, answer)
    parents = find_parents(answer)
    base = remove_inserted(answer) if host is None else host
    placed, moves = _place_version(base, answer, version, parents)
    source = read_source(base)
    candidates, notes = _find_candidates(base, source)
    fitting = None
    if version == RELAXED and not is_same_cell(base.cells[0], answer.cells[0]):
        candidates = replace(candidates, cell=answer.cells[0])
        fitting = find_fitting_operations(candidates)
    # Inserted sites are never equivalent to sites of the host, which a source lists.
    kinds = 2 * answer.numbers + answer.inserted
    symmetry = find_kept_symmetry(candidates, kinds, placed, tolerance, fitting)
    average = symmetry.average(placed)
    if version == INSERTED:
        average[~answer.inserted] = placed[~answer.inserted]
    cell = base.cells[0]
    if fitting is not None:
        cell = make_cell_symmetric(symmetry.operations)
        moves = (*moves, *_describe_cell(base.cells[0], answer, cell))
    structure = replace(answer, frac_coords=average, cells=cell[None])
    found = RestoredCrystal(
        structure=structure,
        host=base,
        source=source,
        version=version,
        symmetry=symmetry,
        names=name_group(symmetry.operations),
        sites=list_unique_sites(structure, source, symmetry, parents),
        tolerance=tolerance,
        averaged_by=float(np.linalg.norm((average - placed) @ cell, axis=1).max(initial=0.0)),
        notes=(*source.notes, *notes, *moves),
    )
    reason = _explain_reduction(found, candidates, fitting)
    return replace(found, notes=(*found.notes, *reason))


def _place_version(
    host: StructureBatch, answer: StructureBatch, version: Version, parents: IntArray
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the (n, 3) fractional coordinates of a version, and what else moved for it."""
    placed = place_sites(host, answer, version, parents)
    return (placed, ()) if version == RELAXED else place_in_fixed_host(placed, answer, parents)


def find_host_group(host: StructureBatch) -> str:
    """Return the name of the space group that the source of a host says, or its sites have."""
    operations, _ = _find_candidates(host, read_source(host))
    return _name(operations)


def _name(operations: SymmetryOperations) -> str:
    try:
        return str(name_group(operations))
    except ValueError:
        return f"{len(operations)} operations, which are no group"


def _find_candidates(
    host: StructureBatch, source: HostSource
) -> tuple[SymmetryOperations, tuple[str, ...]]:
    """Return the operations that the host has in its own setting, and what was lost."""
    if source.record is not None and source.has_cell(host):
        return source.record.operations.with_identity(), ()
    inside = ~host.inserted
    found = SymmetryOperations.find(
        host.cells[0], host.numbers[inside], host.frac_coords[inside], _HOST_TOLERANCE
    )
    found = replace(found, translations=np.rint(found.translations * GRID) / GRID)
    exact = find_kept_symmetry(
        found, host.numbers[inside], host.frac_coords[inside], _HOST_TOLERANCE
    )
    if len(exact.kept) == exact.tried:
        return exact.operations, ()
    note = (
        f"{exact.tried - len(exact.kept)} of the {exact.tried} operations of the host are not "
        "given, because its origin is at no simple fraction of those of the International Tables."
    )
    return exact.operations, (note,)


def _describe_cell(before: FloatArray, answer: StructureBatch, cell: FloatArray) -> tuple[str, ...]:
    """Say what became of a cell that changed, and by how much it was made symmetric then."""
    done = name_cell_change(answer)
    verb = "relaxed" if done == "relaxed" else f"was {done}"
    notes = [f"The cell {verb}: {describe_cell_change(before, cell)}."]
    if (strain := measure_strain(answer.cells[0], cell)) > _WORTH_SAYING:
        notes.append(
            f"The lengths and angles of the {done} cell were averaged over the operations, which "
            f"changed lengths by up to {100 * strain:.2f} %."
        )
    return tuple(notes)


def _explain_reduction(
    crystal: RestoredCrystal, candidates: SymmetryOperations, fitting: BoolArray | None
) -> tuple[str, ...]:
    """Say what the space group was reduced to, and which site or which cell no longer fits."""
    if crystal.keeps_symmetry:
        return ()
    symmetry = crystal.symmetry
    lost = np.setdiff1d(np.arange(symmetry.tried), symmetry.kept)
    distorting = np.zeros(0, dtype=np.int64) if fitting is None else np.flatnonzero(~fitting)
    lost = np.setdiff1d(lost, distorting)
    labels = {int(i): site.label for site in crystal.sites for i in site.members}
    worst = sorted({labels[int(site)] for site in symmetry.worst[lost]})
    split = "" if all(site.is_first for site in crystal.sites) else ", so that host sites split"
    shown = ", ".join(worst[:6]) + (" and others" if len(worst) > 6 else "")
    reasons = []
    if len(distorting):
        reasons.append(
            f"{len(distorting)} of {symmetry.tried} operations change lengths of the relaxed cell "
            f"by more than {100 * CELL_TOLERANCE:g} %"
        )
    if len(lost):
        reasons.append(
            f"{len(lost)} of {symmetry.tried} operations move {shown} farther than "
            f"{crystal.tolerance:g} Å from any equivalent site{split}"
        )
    return (
        f"Space group reduced from {_name(candidates)} to {crystal.names}, because "
        f"{' and '.join(reasons)}.",
    )
