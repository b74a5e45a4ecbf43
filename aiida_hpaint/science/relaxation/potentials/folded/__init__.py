"""SevenNet networks folded onto pairs of sites: the same energies at a tenth of the time.

In a periodic structure all images of a site carry the same features. A message from site s to
site n is, summed over the images of s,

    sum_e w(r_e) x_s Y(e) = x_s sum_b V_b [sum_e B_b(r_e) Y(e)],

because the radial weights w (a small network of the distance alone) are linear combinations V of
few functions B of the distance. The bracket depends on positions only: it is computed once for
all layers, and what remains are dense matrix products over pairs of sites instead of work on
every edge. A cell of 12 sites has 144 pairs and 700 edges.

- `radial`: the functions B, and how they are found for a given network
- `parts`, `weights`, `couplings`: a sevenn model, read into plain matrices
- `folding`: the bracket
- `convolution`: the messages of one layer and their gradient
- `network`: all layers
"""

from __future__ import annotations

from aiida_hpaint.science.relaxation.potentials.folded.network import FoldedNetwork
from aiida_hpaint.science.relaxation.potentials.folded.parts import NotFoldableError
from aiida_hpaint.science.relaxation.potentials.folded.weights import read_weights

__all__ = ["FoldedNetwork", "NotFoldableError", "read_weights"]
