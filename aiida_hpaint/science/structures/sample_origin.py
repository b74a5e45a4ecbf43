"""Where a sample comes from: values of the scalar `origin`."""

from __future__ import annotations

GENERATED = "generated"
"""By the generator."""

SYMMETRISED = "symmetrised"
"""A sample with more symmetry."""

WYCKOFF = "wyckoff"
"""On Wyckoff positions of the host."""

PEAKS = "peaks"
"""At maxima of the electrostatic potential."""
