"""HostFrame: cell, axes and origin that belong to the host, not to how it was written down.

Samples are generated in this frame. The same crystal may be given in another orientation, with
another order of its sites or another origin; the frame depends on none of these, so that equal
random numbers give equal samples. It has

1. a reduced cell, which is compact, with axes that lengths, angles and contents decide;
2. standard orientation, lower triangular, which follows from the metric tensor;
3. an origin that moves with the known sites: the point for which the phases of three strong
   structure factors are zero. Unlike an atom or a centre of mass, it depends neither on the order
   of sites nor on the periodic images that were chosen for them.

Symmetry of the host is all that is left open: its operations map one such frame onto another.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from aiida_hpaint.science.diffusion.lattice import make_symmetric, orient_cell
from aiida_hpaint.science.diffusion.sampling.canonical_axes import find_canonical_axes
from aiida_hpaint.science.types import FloatArray, IntArray

_CONSIDERED = 40
"""Number of strong reflections among which a basis is looked for."""


@dataclass(frozen=True)
class HostFrame:
    """A compact cell in standard orientation with an origin fixed to the host.

    Attributes
    ----------
    transform : (3, 3) integers
        Rows express the lattice vectors of the frame in those of the host.
    cell : (3, 3) floats
        Lattice vectors of the frame as rows, Å; lower triangular.
    origin : (3,) floats
        Origin of the frame, fractional in its own lattice.
    """

    transform: IntArray
    cell: FloatArray
    origin: FloatArray

    def enter(self, frac: FloatArray) -> FloatArray:
        """Convert fractional coordinates (n, 3) of the host to those of the frame."""
        return frac @ np.linalg.inv(self.transform) - self.origin

    def leave(self, frac: FloatArray) -> FloatArray:
        """Convert fractional coordinates (n, 3) of the frame to the host's, within [0, 1)."""
        return np.asarray(np.mod((frac + self.origin) @ self.transform, 1.0))

    def leave_cell(self, cell: FloatArray, host: FloatArray) -> FloatArray:
        """Convert another cell (3, 3) of the frame, in any orientation, to one of the host.

        It is turned so that the cell of the host, Å, is stretched to it without a rotation.
        """
        changed = np.linalg.inv(self.transform) @ cell
        deformation = np.asarray(np.linalg.solve(host, changed), dtype=np.float64)
        stretch = make_symmetric(deformation)
        return np.asarray(host @ stretch)


def find_host_frame(
    cell: FloatArray, numbers: IntArray, frac: FloatArray, *, niggli: bool = False
) -> HostFrame:
    """Find the frame of a host from its cell (Å) and its known sites (fractional).

    Networks that see lattice vectors need Niggli cells (`niggli`), as in their training data.
    """
    transform = find_canonical_axes(cell, numbers, frac, niggli=niggli)
    origin = find_origin(numbers, frac @ np.linalg.inv(transform))
    return HostFrame(transform, orient_cell(transform @ cell), origin)


def find_origin(numbers: IntArray, frac: FloatArray) -> FloatArray:
    """Find a point (3,), fractional, that moves with the sites and ignores their order.

    A shift of all sites by s changes the phase of reflection h by 2 pi h.s; the point is the shift
    that makes three phases zero. Three reflections that generate all others determine it up to
    lattice translations. If no three do, the host itself repeats within its cell, and the points
    that remain possible are equivalent.
    """
    if len(numbers) == 0:
        return np.zeros(3)
    # One reflection of each Friedel pair, in order of size.
    indices = [h for h in product(range(-3, 4), repeat=3) if h > (0, 0, 0)]
    indices.sort(key=lambda h: (h[0] ** 2 + h[1] ** 2 + h[2] ** 2, h))
    reflections = np.array(indices)
    factors = (numbers * np.exp(2j * np.pi * reflections @ frac.T)).sum(1)
    # The phase of a weak reflection is rounding noise: strong ones first, and weaker ones only if
    # the strong do not span the reciprocal lattice.
    for threshold in (0.05, 0.005):
        strong = np.where(np.abs(factors) > threshold * numbers.sum())[0][:_CONSIDERED]
        triple = _find_basis(reflections[strong])
        if triple is not None:
            phases = np.angle(factors[strong[triple]]) / (2 * np.pi)
            return np.asarray(np.linalg.solve(reflections[strong[triple]], phases))
    return np.zeros(3)


def _find_basis(reflections: IntArray) -> IntArray | None:
    """Find the first three reflections that span a lattice with the smallest index, or None."""
    if len(reflections) < 3:
        return None
    normals = np.cross(reflections[:, None], reflections[None])
    index = np.abs(normals @ reflections.T)
    spanning = index[index > 0]
    if len(spanning) == 0:
        return None
    return np.asarray(np.argwhere(index == spanning.min())[0])
