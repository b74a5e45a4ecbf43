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

INPAINTED = "inpainted"
"""Version of a low arrangement of which the generator made some sites anew."""

RANDOM = "random"
"""Placed at random."""

SWAPPED = "swapped"
"""Version of a low arrangement of which one site was placed at random."""

TURNED = "turned"
"""Version of a low arrangement with sites turned about the atoms that carry them."""

INDEPENDENT = (GENERATED, RANDOM)
"""Origins of samples whose random numbers are their own, which derive from no other sample."""
