"""Scale factors of GemNet-dT, which keep the variance of activations.

From the file gemnet-dT.json of MatterGen (github.com/microsoft/mattergen, MIT licence), which took
them from the Open Catalyst Project's tri_gaussian128 (github.com/FAIR-Chem/fairchem, configuration
s2ef/all/gemnet). Blocks beyond those listed have 1, as they have in MatterGen's models.
"""

from __future__ import annotations

from collections.abc import Sequence

TRIPLET_RADIAL = (18.873615264892578, 16.10817527770996, 15.01930046081543)
"""Product of edges and radial functions in the triplets of each block."""
TRIPLET_SUM = (7.996850490570068, 7.614634037017822, 7.025179862976074)
"""Sum over the triplets of an edge."""
ATOM_SUM = (1.220463752746582, 0.9690994620323181, 0.8903237581253052)
"""Sum over the edges of a site."""
OUTPUT_SUM = (1.6437848806381226, 1.1077653169631958, 0.9477927684783936, 0.9059251546859741)
"""Sum over the edges of a site in the energy of each output block."""
OUTPUT_RADIAL = (16.161039352416992, 13.54678726196289, 12.754337310791016, 13.484951972961426)
"""Product of edges and radial functions in the forces of each output block."""


def find_scale(table: Sequence[float], block: int) -> float:
    """Return the scale factor of a block (counted from 0)."""
    return table[block] if block < len(table) else 1.0
