"""Evaluation in portions: memory is bounded, and a structure that fails affects no other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from aiida_hpaint.science.relaxation.potentials.base import Evaluation, MovingPotential
from aiida_hpaint.science.relaxation.ragged import list_site_indices

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials import Potential, StressPotential
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Structures:
    """S structures one after the other, as `Potential.evaluate` takes them.

    Forces are needed on the sites `moving` alone; None: on all.
    """

    numbers: IntArray
    positions: FloatArray
    cells: FloatArray
    counts: IntArray
    moving: BoolArray | None = None

    def take(self, chosen: IntArray) -> Structures:
        """Return the chosen structures alone."""
        sites = list_site_indices(self.counts, chosen)
        return Structures(
            self.numbers[sites],
            self.positions[sites],
            self.cells[chosen],
            self.counts[chosen],
            None if self.moving is None else self.moving[sites],
        )


@dataclass
class Evaluator:
    """Evaluates structures in portions of at most `max_sites` sites.

    If memory runs out, `max_sites` is halved, and stays so for the rest of the relaxation. After
    any other error each structure of the portion is evaluated alone, so that only the one that
    causes it fails.

    Attributes
    ----------
    potential : Potential or StressPotential
        Potential that computes energies and forces, and stresses where these are asked for.
    max_sites : integer
        Largest number of sites in one portion; a larger structure is a portion of its own.
    with_stress : boolean
        Whether stresses are asked for.
    calls, structures : integers
        Successful calls of the potential and structures evaluated so far.
    """

    potential: Potential | StressPotential
    max_sites: int
    with_stress: bool = False
    calls: int = field(default=0, init=False)
    structures: int = field(default=0, init=False)

    def evaluate(self, batch: Structures) -> tuple[Evaluation, dict[int, str]]:
        """Return the results, NaN for structures that failed, and the messages of these."""
        energies = np.full(len(batch.counts), np.nan)
        forces = np.full((len(batch.numbers), 3), np.nan)
        stresses = np.full((len(batch.counts), 3, 3), np.nan) if self.with_stress else None
        errors: dict[int, str] = {}
        waiting = list(self._portions(batch.counts, np.arange(len(batch.counts))))
        while waiting:
            members = waiting.pop(0)
            try:
                portion = self._call(batch.take(members))
            except Exception as error:
                waiting[:0] = self._split_portion(batch.counts, members, error, errors)
            else:
                energies[members] = portion.energies
                forces[list_site_indices(batch.counts, members)] = portion.forces
                if stresses is not None:
                    stresses[members] = portion.stresses
        return Evaluation(energies, forces, stresses), errors

    def _call(self, portion: Structures) -> Evaluation:
        structures = portion.numbers, portion.positions, portion.cells, portion.counts
        moving, potential = portion.moving, self.potential
        if self.with_stress:
            # Potentials without stresses do not know the last argument.
            result = cast("StressPotential", potential).evaluate(*structures, with_stress=True)
        elif moving is not None and isinstance(potential, MovingPotential):
            result = potential.evaluate_moving(*structures, moving)
        else:
            result = potential.evaluate(*structures)
        self.calls += 1
        self.structures += len(portion.counts)
        return result

    def _portions(self, counts: IntArray, members: IntArray) -> list[IntArray]:
        portions: list[list[int]] = []
        room = 0
        for index in members:
            if not portions or counts[index] > room:
                portions.append([])
                room = self.max_sites
            portions[-1].append(int(index))
            room -= int(counts[index])
        return [np.array(portion, dtype=np.int64) for portion in portions]

    def _split_portion(
        self, counts: IntArray, members: IntArray, error: Exception, errors: dict[int, str]
    ) -> list[IntArray]:
        """Return smaller portions after a failure, or note the error of a single structure."""
        if len(members) == 1:
            errors[int(members[0])] = f"{type(error).__name__}: {error}"
            return []
        if not _is_out_of_memory(error):
            return list(members[:, None])
        self.max_sites = max(1, int(counts[members].sum()) // 2)
        _free_device_memory()
        half = len(members) // 2
        return [members[:half], members[half:]]


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def _free_device_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
