"""What counts as a hydrogen bond D-H...A, in files, tables and pictures alike."""

from __future__ import annotations

__all__ = ["ACCEPTORS", "LONGEST", "SMALLEST_ANGLE"]

ACCEPTORS = (7, 8, 9, 16, 17, 34, 35, 53)
"""Atomic numbers of elements that accept a hydrogen bond: N, O, F, S, Cl, Se, Br, I."""

LONGEST = 2.6
"""Largest distance H...A, Å."""

SMALLEST_ANGLE = 120.0
"""Smallest angle D-H...A, degrees."""
