"""A cheap potential, and versions of it that fail for structures with helium.

`hpaint_test_potentials-1.0.dist-info` beside this file registers them as another package would, so
that jobs find them by `potential.name` wherever this folder is on PYTHONPATH.
"""

from __future__ import annotations

import os
import signal

import numpy as np

from aiida_hpaint.science.relaxation.potentials import (
    Evaluation,
    PotentialCard,
    PotentialError,
    PotentialInfo,
)
from aiida_hpaint.science.types import FloatArray, IntArray

HELIUM = 2
"""The element that triggers a fault: no real host of the tests has any."""

FAULTS = ("none", "nan", "explode", "raise", "kill", "oom", "cuda-oom")
SHA256 = "0" * 64

POTENTIALS = tuple(
    PotentialInfo(
        name="harmonic" if fault == "none" else f"harmonic-{fault}",
        package="hpaint-test-potentials",
        loader="harmonic:load",
        description=f"a harmonic well, fault {fault!r}",
        sha256=SHA256,
    )
    for fault in FAULTS
)


def name_potential(fault: str) -> str:
    """Return the name of the potential with a fault."""
    return POTENTIALS[FAULTS.index(fault)].name


def load(name: str, model: str | None, device: str) -> HarmonicPotential:
    """Load the potential of one of the names above."""
    if model is not None:
        raise PotentialError(f"{name} takes no model file ({model!r})")
    return HarmonicPotential(name.partition("-")[2] or "none")


class HarmonicPotential:
    """Sites in a weak harmonic well around the origin of their coordinates.

    `fault` says what helium causes: "none", "nan", "explode" (an implausible force), "raise",
    "kill" (the process, as the kernel does where memory is exhausted), "oom" and "cuda-oom" (out
    of memory with more than one structure, and with helium always).
    """

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.calls: list[int] = []
        self.card = PotentialCard(name_potential(fault), "tests", "0", fault, SHA256, "cpu")

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
    ) -> Evaluation:
        """Evaluate, or fail as the fault says."""
        self.calls.append(len(site_counts))
        owners = np.repeat(np.arange(len(site_counts)), site_counts)
        helium = numbers == HELIUM
        self._fail(bool(helium.any()), len(site_counts))
        forces = -0.001 * cart_positions
        energies = -1.0 * site_counts + np.bincount(
            owners, 0.0005 * (cart_positions**2).sum(1), len(site_counts)
        )
        if self.fault == "nan":
            energies[owners[helium]] = np.nan
        if self.fault == "explode":
            forces[np.isin(owners, owners[helium])] = 1e12
        return Evaluation(energies, forces)

    def _fail(self, has_helium: bool, structures: int) -> None:
        if "oom" in self.fault and (has_helium or structures > 1):
            raise _out_of_memory(self.fault)
        if has_helium and self.fault == "raise":
            raise ArithmeticError("helium")
        if has_helium and self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def _out_of_memory(fault: str) -> Exception:
    if fault == "oom":
        return MemoryError()
    import torch

    return torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
