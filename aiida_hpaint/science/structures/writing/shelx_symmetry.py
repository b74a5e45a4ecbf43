"""Space groups as SHELX has them: LATT for centring and inversion, SYMM for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.structures.writing.space_group_names import to_gemmi

if TYPE_CHECKING:
    from gemmi import Op

__all__ = ["format_symmetry"]

_LATTICES = {"P": 1, "I": 2, "R": 3, "F": 4, "A": 5, "B": 6, "C": 7}
"""Numbers of LATT; R is the obverse setting on hexagonal axes."""


def format_symmetry(operations: SymmetryOperations) -> list[str]:
    """Return the instructions LATT and SYMM of a group.

    Groups with an inversion that is not at the origin are written without it in LATT, with all
    operations, which a remark says: SHELXL wants it at the origin.
    """
    import gemmi

    group = to_gemmi(operations)
    lattice = _LATTICES.get(group.find_centering())
    centrings = [[0, 0, 0]] if lattice is None else list(group.cen_ops)
    everything = list(group)
    inversion = gemmi.Op("-x,-y,-z")
    inverted = inversion.triplet() in {each.triplet() for each in everything}
    lines = [f"LATT {(1 if inverted else -1) * (lattice or 1)}"]
    known = _generate(gemmi.Op("x,y,z"), centrings, inverted)
    for each in everything:
        if each.triplet() not in known:
            lines.append(f"SYMM {each.triplet().upper()}")
            known |= _generate(each, centrings, inverted)
    if group.is_centrosymmetric() and not inverted:
        lines.append("REM The inversion centre is not at the origin: SHELXL wants it there.")
    return lines


def _generate(operation: Op, centrings: list[list[int]], inverted: bool) -> set[str]:
    """Return what LATT makes of an operation."""
    import gemmi

    both = [operation]
    if inverted:
        both.append(gemmi.Op("-x,-y,-z") * operation)
    return {each.translated(centring).wrap().triplet() for each in both for centring in centrings}
