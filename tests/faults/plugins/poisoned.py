"""A potential that is cheap, and that a host with helium poisons."""

from __future__ import annotations

import os
import signal

import numpy as np

from aiida_hpaint.science.relaxation.potentials import Evaluation, PotentialCard
from aiida_hpaint.science.types import FloatArray, IntArray

POISON = 2
"""Helium: no real host of the tests has any."""


class PoisonedPotential:
    """Sites in a weak harmonic well around the origin of their coordinates.

    `fault`: what helium does: "none", "nan", "explode" (a force beyond any chemistry), "raise",
    "kill" (the process, as the kernel does where memory is exhausted), "oom" and "cuda-oom" (out
    of memory with more than one structure, and with helium always).
    """

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.calls: list[int] = []
        self.card = PotentialCard("poisoned", "tests", "0", fault, "0" * 64, "cpu")

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
    ) -> Evaluation:
        """Evaluate, or do what the fault is."""
        self.calls.append(len(site_counts))
        owners = np.repeat(np.arange(len(site_counts)), site_counts)
        poison = numbers == POISON
        self._break(bool(poison.any()), len(site_counts))
        forces = -0.001 * cart_positions
        energies = -1.0 * site_counts + np.bincount(
            owners, 0.0005 * (cart_positions**2).sum(1), len(site_counts)
        )
        if self.fault == "nan":
            energies[owners[poison]] = np.nan
        if self.fault == "explode":
            forces[np.isin(owners, owners[poison])] = 1e12
        return Evaluation(energies, forces)

    def _break(self, poisoned: bool, structures: int) -> None:
        if "oom" in self.fault and (poisoned or structures > 1):
            raise _out_of_memory(self.fault)
        if poisoned and self.fault == "raise":
            raise ArithmeticError("helium")
        if poisoned and self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def _out_of_memory(fault: str) -> Exception:
    if fault == "oom":
        return MemoryError()
    import torch

    return torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
