"""SevenNet networks with the sum over edges done in advance: same energies, a tenth of the time.

A message of a SevenNet layer sums, over every edge e between two sites, a radial weight w(r_e)
times the features x of the sender and the spherical harmonics Y(e) of the edge direction. In a
periodic structure all images of a site carry the same features, so these leave the sum:

    sum_e w(r_e) x_s Y(e) = x_s sum_b V_b [sum_e B_b(r_e) Y(e)].

Here each radial weight, a small network of the distance alone, is written as a linear combination V
of a few functions B of the distance ("rank" of them, see `radial`).

What is contracted in advance: the bracket. It depends on positions only, so it is computed once for
each pair of sites and serves all layers and channels. The Clebsch-Gordan coefficients, the radial
coefficients V, and all linear maps before and after a convolution are read once into matrices.

Why this is exact: exchanging two finite sums changes nothing. The expansion in B is the one
truncation, and its rank is chosen so large that the rest vanishes in single precision, in which the
models were trained. Loading a model compares the folded with the original network, and does not use
it if they disagree.

What it saves: a cell of 12 sites has 144 pairs but about 700 edges, and what remains for each layer
are products over pairs instead of gathers and scatters over edges. On a CPU with a C compiler only
pairs with an edge are visited, each once for both directions. Elsewhere all pairs of sites are one
dense matrix, whose memory grows with the square of their number, so that large cells use the
original network.

- `radial`: the functions B, and how they are found for a given network
- `parts`, `weights`, `couplings`: a sevenn model, read into plain matrices
- `folding`: the bracket
- `convolution`: the messages of one layer and their gradient
- `directions`: spherical harmonics of the edge vectors
- `network`: all layers
- `sparse`, `links`, `native`, `trial`, `messages.c`: all layers by compiled loops over pairs with
  an edge
- `store`: the matrices in a file, which is read in a moment and needs no sevenn
"""

from __future__ import annotations

from aiida_hpaint.science.relaxation.potentials.folded.native import load_loops
from aiida_hpaint.science.relaxation.potentials.folded.network import FoldedNetwork
from aiida_hpaint.science.relaxation.potentials.folded.parts import NotFoldableError
from aiida_hpaint.science.relaxation.potentials.folded.sparse import SparseNetwork
from aiida_hpaint.science.relaxation.potentials.folded.store import load_weights, save_weights
from aiida_hpaint.science.relaxation.potentials.folded.weights import read_weights

__all__ = [
    "FoldedNetwork",
    "NotFoldableError",
    "SparseNetwork",
    "load_loops",
    "load_weights",
    "read_weights",
    "save_weights",
]
