"""Cells that relax with their sites: three more rows of variables for each sample.

The variables are those of ASE's FrechetCellFilter: positions in the cell before the relaxation, and
the logarithm of the deformation gradient times the number of sites. With the gradient by the
logarithm, forces and energies stay consistent however far a cell is from where it began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from ase.units import GPa
from scipy.linalg import block_diag, expm

if TYPE_CHECKING:
    from aiida_hpaint.science.settings.relaxation import RelaxedCell
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

LARGEST_STRETCH = 2.0
"""Factor of a length, along any direction, beyond which a cell has fallen apart or collapsed.
Potassium stretches graphite, the softest of hosts, by 1.6."""

STIFFNESS = 80 * GPa
"""Elastic constant of cells before anything is known of them: of hydroxides and ice to oxides they
have 10 to 300 GPa."""


@dataclass
class CellVariables:
    """Cells of S samples during a relaxation.

    Attributes
    ----------
    kind : string
        What of the cell relaxes: nothing ('fixed'), its 'shape', its 'volume' or all ('free').
    start : (S, 3, 3) floats
        Lattice vectors as rows before the relaxation, in Å.
    site_counts : (S,) integers
        Sites of each sample, moving or not.
    logarithms : (S, 3, 3) floats
        Logarithms of the deformation gradients F; a vector x of the first cell has become F x.
    """

    kind: RelaxedCell
    start: FloatArray
    site_counts: IntArray
    logarithms: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.logarithms = np.zeros_like(self.start)

    @property
    def rows(self) -> int:
        """Number of rows of variables that each sample has besides those of its sites."""
        return 0 if self.kind == "fixed" else 3

    def compute_cells(self, samples: IntArray) -> FloatArray:
        """Return the (A, 3, 3) cells of some samples as they are now."""
        return np.asarray(self.start[samples] @ self._find_gradients(samples).swapaxes(1, 2))

    def find_overstretched(self, samples: IntArray) -> BoolArray:
        """Return (A,) True for cells that are stretched or squeezed beyond `LARGEST_STRETCH`."""
        stretches = np.linalg.svd(self._find_gradients(samples), compute_uv=False)
        most = np.maximum(stretches, 1 / stretches).max(axis=1)
        return np.asarray(most > LARGEST_STRETCH)

    def find_largest_stresses(self, stresses: FloatArray | None, samples: IntArray) -> FloatArray:
        """Return the (A,) largest component in GPa of the stress that may still change a cell."""
        if self.kind == "fixed" or stresses is None:
            return np.zeros(len(samples))
        return np.asarray(np.abs(self._project(stresses)).max(axis=(1, 2)) / GPa)

    def add_rows(
        self, samples: IntArray, counts: IntArray, forces: FloatArray, stresses: FloatArray | None
    ) -> FloatArray:
        """Return the (M + 3 A, 3) forces on all variables, those of a cell after its sites.

        Parameters
        ----------
        samples : (A,) integers
            Samples by their row.
        counts : (A,) integers
            Moving sites of each of them.
        forces : (M, 3) floats
            Forces on the moving sites in eV/Å.
        stresses : (A, 3, 3) floats or None
            In eV/Å³.
        """
        if self.kind == "fixed" or stresses is None:
            return forces
        gradients = self._find_gradients(samples)
        volumes = np.abs(np.linalg.det(self.start[samples]) * np.linalg.det(gradients))
        pulls = stresses if self.kind == "shape" else self._project(stresses)
        strained = -volumes[:, None, None] * pulls @ np.linalg.inv(gradients).swapaxes(1, 2)
        pulls = _differentiate_exponential(self.logarithms[samples], strained)
        if self.kind == "shape":
            pulls = _remove_trace(pulls)
        is_site = self._find_sites(counts)
        rows = np.empty((len(is_site), 3))
        rows[is_site] = np.einsum("na,nab->nb", forces, np.repeat(gradients, counts, axis=0))
        rows[~is_site] = (pulls / self.site_counts[samples][:, None, None]).reshape(-1, 3)
        return rows

    def add_curvatures(
        self, samples: IntArray, hessians: tuple[FloatArray, ...]
    ) -> tuple[FloatArray, ...]:
        """Return second derivatives by all variables, without any of a cell and a site together."""
        if self.kind == "fixed":
            return hessians
        volumes = np.abs(np.linalg.det(self.start[samples]))
        curvatures = STIFFNESS * volumes / self.site_counts[samples] ** 2
        return tuple(
            block_diag(hessian, curvature * np.eye(9))
            for hessian, curvature in zip(hessians, curvatures, strict=True)
        )

    def move(self, samples: IntArray, counts: IntArray, moves: FloatArray) -> FloatArray:
        """Change the cells, and return the (M, 3) moves of the sites, in Å of the first cell."""
        if self.kind == "fixed":
            return moves
        is_site = self._find_sites(counts)
        steps = moves[~is_site].reshape(-1, 3, 3)
        self.logarithms[samples] += steps / self.site_counts[samples][:, None, None]
        return moves[is_site]

    def _find_gradients(self, samples: IntArray) -> FloatArray:
        return np.asarray(expm(self.logarithms[samples])) if len(samples) else np.zeros((0, 3, 3))

    def _find_sites(self, counts: IntArray) -> BoolArray:
        """Return (M + 3 A,) True for rows of sites."""
        is_site = np.ones(int((counts + 3).sum()), dtype=np.bool_)
        ends = np.cumsum(counts + 3)
        is_site[(ends[:, None] - [3, 2, 1]).ravel()] = False
        return is_site

    def _project(self, stresses: FloatArray) -> FloatArray:
        """Return the part of the stresses that acts on what may change."""
        if self.kind == "shape":
            return _remove_trace(stresses)
        if self.kind == "volume":
            return _keep_trace(stresses)
        return stresses


def _keep_trace(matrices: FloatArray) -> FloatArray:
    """Return the isotropic part of (A, 3, 3) matrices."""
    means = np.trace(matrices, axis1=1, axis2=2) / 3
    return np.asarray(means[:, None, None] * np.eye(3))


def _remove_trace(matrices: FloatArray) -> FloatArray:
    return np.asarray(matrices - _keep_trace(matrices))


def _differentiate_exponential(logarithms: FloatArray, gradients: FloatArray) -> FloatArray:
    """Return (A, 3, 3) derivatives by logarithms U of what has `gradients` by F = exp(U).

    The adjoint of the Fréchet derivative of the exponential at U is the one at its transpose; it is
    a block of the exponential of a matrix twice as large (Al-Mohy and Higham, SIAM J. Matrix Anal.
    Appl. 30, 1639 (2009), eq. 1.2).
    """
    if not len(logarithms):
        return gradients
    turned = logarithms.swapaxes(1, 2)
    # The derivative is linear in the gradients: of the size of 1 they cost no accuracy.
    sizes = np.maximum(np.abs(gradients).max(axis=(1, 2), keepdims=True), 1e-300)
    blocks = np.block([[turned, gradients / sizes], [np.zeros_like(turned), turned]])
    return np.asarray(sizes * expm(blocks)[:, :3, 3:])
