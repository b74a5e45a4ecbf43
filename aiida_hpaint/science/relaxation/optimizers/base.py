"""What an optimiser is: pure functions on a state that holds many structures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from aiida_hpaint.science.types import FloatArray, IntArray

StateT = TypeVar("StateT")


class Optimizer(Protocol[StateT]):
    """Moves the sites of many structures at once; no structure feels its neighbours.

    Only moving sites appear here: fixed sites have neither positions nor forces. All arrays
    are double precision; positions and displacements are Cartesian, in Å, forces in eV/Å.
    """

    def init(self, counts: IntArray) -> StateT:
        """The state of structures with `counts` (S,) moving sites before their first step."""
        ...

    def step(self, state: StateT, forces: FloatArray) -> tuple[StateT, FloatArray]:
        """The next state and the displacements (M, 3) that the forces (M, 3) ask for."""
        ...

    def select(self, state: StateT, chosen: IntArray) -> StateT:
        """The state of the chosen structures alone."""
        ...

    def join(self, first: StateT, second: StateT) -> StateT:
        """The state of the structures of both."""
        ...
