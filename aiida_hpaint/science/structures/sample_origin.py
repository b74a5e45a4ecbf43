"""Origins of samples: values of the scalar `origin`."""

from __future__ import annotations

GENERATED = "generated"
"""Made by the generator."""

SYMMETRISED = "symmetrised"
"""Version of a sample with more symmetry."""

WYCKOFF = "wyckoff"
"""Proposed on Wyckoff positions of the host."""

PEAKS = "peaks"
"""Placed at maxima of the electrostatic potential."""
