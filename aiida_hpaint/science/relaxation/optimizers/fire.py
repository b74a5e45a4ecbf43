"""FIRE for many structures at once, with the same steps as the FIRE of ASE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aiida_hpaint.science.relaxation.ragged import list_site_indices, sum_by_structure

if TYPE_CHECKING:
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class FireState:
    """State of FIRE for S structures with M moving sites in all.

    Attributes
    ----------
    counts : (S,) integers
        Moving sites of each structure.
    velocities : (M, 3) floats
        Velocities in Å per unit of time (masses are 1).
    time_steps, mixing : (S,) floats
        Time step, and weight with which the velocity is turned towards the force.
    downhill : (S,) integers
        Number of steps since the structure last went uphill.
    started : (S,) booleans
        Whether a structure has taken its first step.
    """

    counts: IntArray
    velocities: FloatArray
    time_steps: FloatArray
    mixing: FloatArray
    downhill: IntArray
    started: BoolArray


@dataclass(frozen=True)
class Fire:
    """Damped dynamics (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)), as in ASE.

    Attributes
    ----------
    max_step : float
        Longest displacement of a structure in one step (norm over all its sites), in Å.
    time_step, max_time_step : floats
        Initial and largest time step.
    patience : integer
        Number of steps downhill before the time step grows.
    grow, shrink : floats
        Factors by which the time step changes.
    mixing, mixing_decay : floats
        Weight with which the velocity is turned towards the force, and the factor by which it
        decreases.
    """

    max_step: float = 0.2
    time_step: float = 0.1
    max_time_step: float = 1.0
    patience: int = 5
    grow: float = 1.1
    shrink: float = 0.5
    mixing: float = 0.1
    mixing_decay: float = 0.99

    def init(self, counts: IntArray, hessians: tuple[FloatArray, ...] | None = None) -> FireState:
        """Return the state before the first step: structures at rest; no Hessian is used."""
        size = len(counts)
        return FireState(
            counts=np.asarray(counts, dtype=np.int64),
            velocities=np.zeros((int(counts.sum()), 3)),
            time_steps=np.full(size, self.time_step),
            mixing=np.full(size, self.mixing),
            downhill=np.zeros(size, dtype=np.int64),
            started=np.zeros(size, dtype=np.bool_),
        )

    def expect_release(self, state: FireState, forces: FloatArray) -> FloatArray:
        """Return (S,) zeros: there is no model of the energy."""
        return np.zeros(len(state.counts))

    def step(self, state: FireState, forces: FloatArray) -> tuple[FireState, FloatArray]:
        """Turn velocities towards the force, or set them to zero uphill; accelerate and move."""
        power = sum_by_structure((forces * state.velocities).sum(axis=1), state.counts)
        is_downhill = state.started & (power > 0)
        is_uphill = state.started & ~is_downhill
        turned = self._turn(state, forces, is_downhill)
        velocities = turned * _spread(~is_uphill, state.counts)
        time_steps, mixing, downhill = self._adapt(state, is_downhill, is_uphill)
        velocities = velocities + _spread(time_steps, state.counts) * forces
        moves = self._shorten(_spread(time_steps, state.counts) * velocities, state.counts)
        started = np.ones_like(state.started)
        return FireState(state.counts, velocities, time_steps, mixing, downhill, started), moves

    def _turn(self, state: FireState, forces: FloatArray, is_downhill: BoolArray) -> FloatArray:
        """Return velocities, mixed with the direction of the force in structures going downhill."""
        speed = np.sqrt(sum_by_structure((state.velocities**2).sum(axis=1), state.counts))
        strength = np.sqrt(sum_by_structure((forces**2).sum(axis=1), state.counts))
        ratio = np.where(
            is_downhill, state.mixing * speed / np.where(strength > 0, strength, 1.0), 0.0
        )
        kept = np.where(is_downhill, 1.0 - state.mixing, 1.0)
        return (
            _spread(kept, state.counts) * state.velocities + _spread(ratio, state.counts) * forces
        )

    def _adapt(
        self, state: FireState, is_downhill: BoolArray, is_uphill: BoolArray
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """Return time steps, mixing and numbers of steps downhill after this step."""
        grows = is_downhill & (state.downhill > self.patience)
        grown = np.minimum(state.time_steps * self.grow, self.max_time_step)
        time_steps = np.where(grows, grown, state.time_steps)
        time_steps = np.where(is_uphill, state.time_steps * self.shrink, time_steps)
        mixing = np.where(grows, state.mixing * self.mixing_decay, state.mixing)
        mixing = np.where(is_uphill, self.mixing, mixing)
        downhill = np.where(is_downhill, state.downhill + 1, np.where(is_uphill, 0, state.downhill))
        return time_steps, mixing, downhill

    def _shorten(self, moves: FloatArray, counts: IntArray) -> FloatArray:
        length = np.sqrt(sum_by_structure((moves**2).sum(axis=1), counts))
        too_long = length > self.max_step
        scale = np.where(too_long, self.max_step / np.where(too_long, length, 1.0), 1.0)
        return moves * _spread(scale, counts)

    def select(self, state: FireState, chosen: IntArray) -> FireState:
        """Return the state of the chosen structures alone."""
        return FireState(
            state.counts[chosen],
            state.velocities[list_site_indices(state.counts, chosen)],
            state.time_steps[chosen],
            state.mixing[chosen],
            state.downhill[chosen],
            state.started[chosen],
        )

    def join(self, first: FireState, second: FireState) -> FireState:
        """Return the state of the structures of both."""
        names = ("counts", "velocities", "time_steps", "mixing", "downhill", "started")
        return FireState(
            *(np.concatenate([getattr(first, name), getattr(second, name)]) for name in names)
        )


def _spread(values: FloatArray | BoolArray, counts: IntArray) -> FloatArray:
    """Repeat one value for each structure as a column of one value for each of its sites."""
    return np.repeat(np.asarray(values, dtype=np.float64), counts)[:, None]
