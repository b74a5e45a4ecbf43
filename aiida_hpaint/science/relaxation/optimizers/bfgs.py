"""BFGS with a Hessian for each structure; from a unit one, with the steps of the BFGS of ASE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.relaxation.ragged import find_largest_norms, list_site_indices

if TYPE_CHECKING:
    from aiida_hpaint.science.types import FloatArray, IntArray

SMALLEST_MOVE = 1e-7
"""Displacement (Å) below which the Hessian is not updated, as in ASE."""


@dataclass(frozen=True)
class BfgsState:
    """State of BFGS for S structures with M moving sites in all.

    Attributes
    ----------
    counts : (S,) integers
        Moving sites of each structure.
    hessians : S arrays (3 m, 3 m)
        Approximate second derivatives, in eV/Å².
    displacements : (M, 3) floats
        The last step, in Å; NaN before the first one.
    forces : (M, 3) floats
        Forces where the last step started, in eV/Å.
    """

    counts: IntArray
    hessians: tuple[FloatArray, ...]
    displacements: FloatArray
    forces: FloatArray


@dataclass(frozen=True)
class Bfgs:
    """Quasi-Newton steps with absolute eigenvalues, all scaled so that none exceeds `max_step`.

    Without an estimate of the Hessian, steps equal those of `ase.optimize.BFGS` with fixed sites.
    There the rows of fixed sites in
    the Hessian stay a multiple of the identity and never mix with the others; here there are none.

    Attributes
    ----------
    max_step : float
        Longest displacement of a site in one step, in Å.
    alpha : float
        Initial curvature where there is no estimate, in eV/Å².
    reach : float
        Longest displacement of a site over which the quadratic model is trusted, in Å.
    """

    max_step: float = 0.2
    alpha: float = 70.0
    reach: float = 0.5

    def init(self, counts: IntArray, hessians: tuple[FloatArray, ...] | None = None) -> BfgsState:
        """Return the state before the first step; see `curvature` for estimates of the Hessians."""
        total = int(counts.sum())
        if hessians is None:
            hessians = tuple(self.alpha * np.eye(3 * int(count)) for count in counts)
        return BfgsState(
            counts=np.asarray(counts, dtype=np.int64),
            hessians=hessians,
            displacements=np.full((total, 3), np.nan),
            forces=np.full((total, 3), np.nan),
        )

    def step(self, state: BfgsState, forces: FloatArray) -> tuple[BfgsState, FloatArray]:
        """Update the Hessians with the new forces and take the next step."""
        moves = np.zeros_like(forces)
        hessians = list(state.hessians)
        # Structures with equally many moving sites are decomposed together.
        for size in np.unique(state.counts[state.counts > 0]):
            members = np.flatnonzero(state.counts == size)
            sites = list_site_indices(state.counts, members)
            shape = (len(members), -1)
            stacked = _update(
                np.stack([state.hessians[i] for i in members]),
                state.displacements[sites].reshape(shape),
                state.forces[sites].reshape(shape),
                forces[sites].reshape(shape),
            )
            moves[sites] = _newton(stacked, forces[sites].reshape(shape)).reshape(-1, 3)
            for place, hessian in zip(members, stacked, strict=True):
                hessians[place] = hessian
        moves = self._shorten(moves, state.counts)
        return BfgsState(state.counts, tuple(hessians), moves, forces), moves

    def expect_release(self, state: BfgsState, forces: FloatArray) -> FloatArray:
        """Return (S,) energies in eV that the quadratic models promise along the Newton steps.

        That of a whole step s is half the work f·s of the forces. A step beyond `reach` ends there:
        forces of overlapping sites say nothing about the energy of where they push each other.
        """
        release = np.zeros(len(state.counts))
        for size in np.unique(state.counts[state.counts > 0]):
            members = np.flatnonzero(state.counts == size)
            flat = forces[list_site_indices(state.counts, members)].reshape(len(members), -1)
            steps = _newton(np.stack([state.hessians[i] for i in members]), flat)
            longest = np.linalg.norm(steps.reshape(len(members), -1, 3), axis=2).max(axis=1)
            part = self.reach / np.maximum(longest, self.reach)
            release[members] = part * (1 - part / 2) * np.einsum("gi,gi->g", flat, steps)
        return release

    def _shorten(self, moves: FloatArray, counts: IntArray) -> FloatArray:
        longest = find_largest_norms(moves, counts)
        too_long = longest >= self.max_step
        scale = np.where(too_long, self.max_step / np.where(too_long, longest, 1.0), 1.0)
        shortened: FloatArray = moves * np.repeat(scale, counts)[:, None]
        return shortened

    def select(self, state: BfgsState, chosen: IntArray) -> BfgsState:
        """Return the state of the chosen structures alone."""
        sites = list_site_indices(state.counts, chosen)
        return BfgsState(
            state.counts[chosen],
            tuple(state.hessians[i] for i in chosen),
            state.displacements[sites],
            state.forces[sites],
        )

    def join(self, first: BfgsState, second: BfgsState) -> BfgsState:
        """Return the state of the structures of both."""
        return BfgsState(
            np.concatenate([first.counts, second.counts]),
            first.hessians + second.hessians,
            np.concatenate([first.displacements, second.displacements]),
            np.concatenate([first.forces, second.forces]),
        )


def _update(
    hessians: FloatArray, moves: FloatArray, forces_before: FloatArray, forces: FloatArray
) -> FloatArray:
    """Update G Hessians of D degrees of freedom (BFGS; Nocedal and Wright, eq. 6.19)."""
    gradient_change = forces_before - forces
    image = np.einsum("gij,gj->gi", hessians, moves)
    change = np.einsum("gi,gi->g", moves, gradient_change)
    curvature = np.einsum("gi,gi->g", moves, image)
    with np.errstate(invalid="ignore", divide="ignore"):
        learned = hessians + (
            gradient_change[:, :, None] * gradient_change[:, None, :] / change[:, None, None]
            - image[:, :, None] * image[:, None, :] / curvature[:, None, None]
        )
    useful = (np.abs(moves).max(axis=1) >= SMALLEST_MOVE) & np.isfinite(learned).all(axis=(1, 2))
    return np.where(useful[:, None, None], learned, hessians)


def _newton(hessians: FloatArray, forces: FloatArray) -> FloatArray:
    """Return the Newton steps (G, D) with absolute eigenvalues: downhill along each vector."""
    omega, vectors = np.linalg.eigh(hessians)
    along = np.einsum("gi,gij->gj", forces, vectors) / np.abs(omega)
    step: FloatArray = np.einsum("gij,gj->gi", vectors, along)
    return step
