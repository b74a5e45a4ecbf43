"""The interface of an optimiser: pure functions of a state that holds many structures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from aiida_hpaint.science.types import FloatArray, IntArray

StateT = TypeVar("StateT")


class Optimizer(Protocol[StateT]):
    """Optimiser of many structures at once; none affects another one.

    Only moving sites appear here: fixed sites have neither positions nor forces. All arrays
    are double precision; positions and displacements are Cartesian, in Å, forces in eV/Å.
    """

    def init(self, counts: IntArray, hessians: tuple[FloatArray, ...] | None = None) -> StateT:
        """Return the state of structures with `counts` (S,) moving sites before the first step.

        `hessians` are estimates of the second derivatives, S arrays (3 m, 3 m) in eV/Å², for
        optimisers that use them.
        """
        ...

    def step(self, state: StateT, forces: FloatArray) -> tuple[StateT, FloatArray]:
        """Return the next state and the displacements (M, 3) that follow from the forces (M, 3)."""
        ...

    def expect_release(self, state: StateT, forces: FloatArray) -> FloatArray:
        """Return (S,) energies in eV that structures would release on the way to their minimum.

        They are those of the optimiser's model of the energy; zeros if it has none.
        """
        ...

    def select(self, state: StateT, chosen: IntArray) -> StateT:
        """Return the state of the chosen structures alone."""
        ...

    def join(self, first: StateT, second: StateT) -> StateT:
        """Return the state of the structures of both."""
        ...
