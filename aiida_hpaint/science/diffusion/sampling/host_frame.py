"""HostFrame: cell, axes and origin that belong to the host, not to how it was written down.

Noise is drawn in this frame. A host that is turned, whose sites are listed in another order or
whose origin is elsewhere therefore gets the same samples, moved along with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from aiida_hpaint.science.diffusion.lattice import orient_cell, reduce_cell, reduce_to_niggli
from aiida_hpaint.science.types import FloatArray, IntArray

_CONSIDERED = 40
"""Strong reflections among which a basis is sought."""


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
        """Fractional coordinates of the host (n, 3) expressed in the frame."""
        return frac @ np.linalg.inv(self.transform) - self.origin

    def leave(self, frac: FloatArray) -> FloatArray:
        """Fractional coordinates of the frame (n, 3) expressed in the host, within [0, 1)."""
        return np.asarray(np.mod((frac + self.origin) @ self.transform, 1.0))


def find_host_frame(
    cell: FloatArray, numbers: IntArray, frac: FloatArray, *, niggli: bool = False
) -> HostFrame:
    """The frame of a host, from its cell (Å) and its known sites (fractional).

    Networks that see the lattice vectors want them Niggli-reduced, as they were trained.
    """
    transform = reduce_to_niggli(cell) if niggli else reduce_cell(cell)
    origin = find_origin(numbers, frac @ np.linalg.inv(transform))
    return HostFrame(transform, orient_cell(transform @ cell), origin)


def find_origin(numbers: IntArray, frac: FloatArray) -> FloatArray:
    """A point (3,), fractional, that moves with the sites and ignores their order.

    Solves for the shift that would make the phases of three strong structure factors zero. Three
    reflections that generate all others determine it up to lattice translations, and where none
    do the host itself repeats within its cell, so that the choices are equivalent.
    """
    if len(numbers) == 0:
        return np.zeros(3)
    reflections = _reflections()
    factors = (numbers * np.exp(2j * np.pi * reflections @ frac.T)).sum(1)
    for threshold in (0.05, 0.005):
        strong = np.where(np.abs(factors) > threshold * numbers.sum())[0][:_CONSIDERED]
        triple = _basis(reflections[strong])
        if triple is not None:
            phases = np.angle(factors[strong[triple]]) / (2 * np.pi)
            return np.asarray(np.linalg.solve(reflections[strong[triple]], phases))
    return np.zeros(3)


def _reflections() -> IntArray:
    """Reflections (K, 3), one of each Friedel pair, in order of size."""
    indices = [h for h in product(range(-3, 4), repeat=3) if h > (0, 0, 0)]
    return np.array(sorted(indices, key=lambda h: (h[0] ** 2 + h[1] ** 2 + h[2] ** 2, h)))


def _basis(reflections: IntArray) -> IntArray | None:
    """The first three reflections that span the lattice with the smallest index."""
    if len(reflections) < 3:
        return None
    normals = np.cross(reflections[:, None], reflections[None])
    index = np.abs(normals @ reflections.T)
    spanning = index[index > 0]
    if len(spanning) == 0:
        return None
    return np.asarray(np.argwhere(index == spanning.min())[0])
