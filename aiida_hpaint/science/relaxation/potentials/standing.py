"""Samples of hosts that stand still: what is the same for all of them is computed once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import torch

from aiida_hpaint.science.relaxation.potentials.base import Evaluation
from aiida_hpaint.science.relaxation.potentials.pairs import find_pairs
from aiida_hpaint.science.relaxation.potentials.precision import default_precision
from aiida_hpaint.science.relaxation.ragged import list_site_indices

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials.folded.links import HostKernels
    from aiida_hpaint.science.relaxation.potentials.folded.sparse import SparseNetwork
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

MEMORY = 1 << 30
"""Bytes of the kernels that are kept; those of 60 standing sites take 40 MB."""
AT_ONCE = 288
"""Sites of each thread in one pass, for which the kernels of the host are read once."""
_ROUNDING = 1e-9
"""Å; positions of one site in several samples differ by less."""


class StandingHosts:
    """Energies of samples whose hosts stand still; the kernels of the last hosts are kept.

    Parameters
    ----------
    network : SparseNetwork
        Network that computes them.
    cutoff : float
        In Å.
    """

    def __init__(self, network: SparseNetwork, cutoff: float) -> None:
        self._network, self._cutoff = network, cutoff
        self._kept: OrderedDict[bytes, HostKernels] = OrderedDict()

    def evaluate(
        self,
        numbers: IntArray,
        positions: FloatArray,
        cells: FloatArray,
        counts: IntArray,
        moving: BoolArray,
    ) -> Evaluation:
        """Evaluate S structures; forces on the sites that stand still are NaN.

        Parameters
        ----------
        numbers, positions, moving : (N,), (N, 3) and (N,)
            Atomic numbers, Cartesian coordinates in Å, and which sites move.
        cells, counts : (S, 3, 3) and (S,)
            Lattice vectors as rows, in Å, and sites of each structure.
        """
        energies, forces = np.empty(len(counts)), np.full((len(numbers), 3), np.nan)
        for key, group in _group(numbers, positions, cells, counts, moving).items():
            portion = max(1, AT_ONCE * torch.get_num_threads() // int(counts[group[0]]))
            for start in range(0, len(group), portion):
                members = np.array(group[start : start + portion])
                sites = list_site_indices(counts, members)
                energies[members], found = self._pass(
                    key,
                    numbers[sites],
                    positions[sites],
                    cells[members],
                    counts[members],
                    moving[sites],
                )
                forces[sites[moving[sites]]] = found[moving[sites]]
        return Evaluation(energies, forces)

    def _pass(
        self,
        key: bytes,
        numbers: IntArray,
        positions: FloatArray,
        cells: FloatArray,
        counts: IntArray,
        moving: BoolArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Return energies (S,) of samples of one host, and forces (N, 3) on the sites that move."""
        size = int(counts[0])
        pairs = find_pairs(positions, cells, counts, self._cutoff, moving=moving)
        with default_precision(torch.float32):
            host = self._find_kernels(key, positions[:size], cells[0], moving[:size])
            elements, sizes = (
                torch.from_numpy(np.asarray(one, dtype=np.int64)) for one in (numbers, counts)
            )
            energies, gradient = self._network.differentiate_moving(
                elements, sizes, pairs, torch.from_numpy(moving), host
            )
        return energies.numpy(), pairs.forces(gradient, len(numbers)).double().numpy()

    def _find_kernels(
        self, key: bytes, positions: FloatArray, cell: FloatArray, moving: BoolArray
    ) -> HostKernels:
        """Return the kernels between the sites of a sample that stand still."""
        if key not in self._kept:
            pairs = find_pairs(positions, cell[None], np.array([len(moving)]), self._cutoff)
            still = ~moving[pairs.first.numpy()] & ~moving[pairs.second.numpy()]
            self._kept[key] = self._network.compute_host_kernels(pairs.choose(still), len(moving))
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(one.bytes for one in self._kept.values()) > MEMORY:
            self._kept.popitem(last=False)
        return self._kept[key]


def _group(
    numbers: IntArray,
    positions: FloatArray,
    cells: FloatArray,
    counts: IntArray,
    moving: BoolArray,
) -> dict[bytes, list[int]]:
    """Return the samples of each host: equal cells, elements, and positions of standing sites."""
    groups: dict[bytes, list[int]] = {}
    starts = np.cumsum(counts) - counts
    for index, (start, count) in enumerate(zip(starts, counts, strict=True)):
        sites = slice(start, start + count)
        lengths = np.concatenate([cells[index], positions[sites][~moving[sites]]])
        rounded = np.rint(lengths / _ROUNDING).astype(np.int64)
        key = b"".join(one.tobytes() for one in (rounded, moving[sites], numbers[sites]))
        groups.setdefault(key, []).append(index)
    return groups
