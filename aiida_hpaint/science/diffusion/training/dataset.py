"""Batches of noisy structures: an endless sequence of which each process makes its own part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.models.cards import NoiseSettings
from aiida_hpaint.science.diffusion.noise import Noise, compute_wrapped_noise
from aiida_hpaint.science.diffusion.training.masks import MaskSettings, draw_mask, draw_times
from aiida_hpaint.science.diffusion.training.structures import (
    TrainingCrystal,
    TrainingDataError,
    TrainingStructures,
)
from aiida_hpaint.science.plausibility import find_parents
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import encode_carried
from aiida_hpaint.science.types import BoolArray, IntArray

POOL = 16
"""Batches in a pool. Pools are sorted by size before they are cut, so that little is padded."""


@dataclass(frozen=True)
class NoisyBatch:
    """A batch of noisy structures and the noise to learn.

    Attributes
    ----------
    crystals : noisy structures.
    levels : (B, N) standard deviation of the noise, in the units of the noise; 0 at clean sites.
    target : (B, N, 3) expected noise, dimensionless, along the axes of the noise.
    """

    crystals: Crystals
    levels: Tensor
    target: Tensor


class NoisyBatches(IterableDataset[NoisyBatch]):
    """Batches `first` to `last` of an endless sequence that depends on the seed alone.

    Parameters
    ----------
    focus_share
        Share of the structures with the focus of the masks in each pool; None: as in the data.
    stream
        0 for training, 1 for validation: independent sequences of the same seed.
    rank, world
        Index and number of the processes; each makes its own batch in each step.
    """

    def __init__(
        self,
        structures: TrainingStructures,
        masks: MaskSettings,
        noise: NoiseSettings,
        *,
        batch_size: int,
        focus_share: float | None,
        seed: int,
        first: int,
        last: int,
        stream: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.structures, self.masks, self.noise = structures, masks, Noise(noise)
        self.batch_size, self.focus_share, self.seed = batch_size, focus_share, seed
        self.first, self.last = first, last
        self.stream, self.rank, self.world = stream, rank, world
        self._budgets: dict[int, IntArray] = {}
        focus = structures.contain(masks.focus)
        usable = structures.sizes > 1
        self.focused, self.others = np.where(usable & focus)[0], np.where(usable & ~focus)[0]
        if not usable.any():
            raise TrainingDataError("no structure has two sites or more: there is nothing to learn")

    def __iter__(self) -> Iterator[NoisyBatch]:
        worker = get_worker_info()
        skip, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in range(self.first + skip, self.last, stride):
            yield self.batch(step * self.world + self.rank)

    def batch(self, number: int) -> NoisyBatch:
        """Return one batch of the sequence; it depends on the seed and its number alone."""
        rng = np.random.default_rng([self.seed, 2 * self.stream + 1, number])
        return self._collate([self._add_noise(i, rng) for i in self._members(number)])

    def _members(self, number: int) -> NDArray[np.int64]:
        """Choose the structures of a batch: a slice of a random pool that is sorted by size."""
        rng = np.random.default_rng([self.seed, 2 * self.stream, number // POOL])
        total = POOL * self.batch_size
        share = self._focused_share()
        focused = round(total * share)
        chosen = np.concatenate(
            [self._draw(rng, self.focused, focused), self._draw(rng, self.others, total - focused)]
        )
        order = np.argsort(self.structures.sizes[chosen] + rng.random(total))
        rows = chosen[order].reshape(POOL, self.batch_size)
        return np.asarray(rows[rng.permutation(POOL)[number % POOL]])

    def _draw(
        self, rng: np.random.Generator, members: NDArray[np.int64], count: int
    ) -> NDArray[np.int64]:
        """Draw structures in proportion to their weights."""
        if not count:
            return members[:0]
        weights = self.structures.weights[self.structures.chosen[members]]
        # Equal weights need no probabilities, with which the same random numbers choose others.
        shares = None if np.ptp(weights) == 0 else weights / weights.sum()
        return np.asarray(rng.choice(members, count, p=shares))

    def _focused_share(self) -> float:
        if not len(self.focused) or not len(self.others):
            return float(len(self.focused) > 0)
        if self.focus_share is None:
            return len(self.focused) / (len(self.focused) + len(self.others))
        return self.focus_share

    def _draw_carried(
        self, index: int, crystal: TrainingCrystal, mask: BoolArray, rng: np.random.Generator
    ) -> IntArray:
        """Return the (n,) budget that the network is told, see `Crystals.carried`."""
        chance, focus = self.masks.budget_probability, crystal.numbers == self.masks.focus
        if not chance or not np.array_equal(mask, focus) or rng.random() >= chance:
            return np.zeros(len(mask), dtype=np.int64)
        if index not in self._budgets:
            self._budgets[index] = find_carried(crystal, focus)
        return self._budgets[index]

    def _add_noise(self, index: int, rng: np.random.Generator) -> _Noisy:
        crystal = self.structures.crystal(index, niggli=self.noise.settings.kind == "fractional")
        mask = draw_mask(crystal.numbers, self.masks, rng)
        carried = self._draw_carried(index, crystal, mask, rng)
        levels = self._levels(crystal, draw_times(mask, self.masks, rng))
        axes = self.noise.axes(torch.as_tensor(crystal.cell)[None])[0].numpy()
        kicks = rng.standard_normal((len(levels), 3)) * levels[:, None] @ np.linalg.inv(axes)
        noisy, target = crystal.frac.copy(), np.zeros_like(crystal.frac)
        noisy[mask] += kicks
        target[mask] = expected_noise(kicks, axes, levels)
        everywhere = np.zeros(len(mask))
        everywhere[mask] = levels
        return _Noisy(crystal, noisy, mask, everywhere, target, carried)

    def _levels(self, crystal: TrainingCrystal, times: NDArray[np.float64]) -> NDArray[np.float64]:
        cells = torch.as_tensor(crystal.cell)[None]
        bounds = self.noise.bounds(cells, torch.tensor([len(crystal.numbers)]))
        low, high = (float(bound) for bound in bounds)
        return np.asarray(low * (high / low) ** times)

    def _collate(self, rows: list[_Noisy]) -> NoisyBatch:
        crystals = collate(
            [row.crystal.numbers for row in rows],
            [row.frac for row in rows],
            [row.crystal.cell for row in rows],
            [row.mask for row in rows],
            dtype=torch.float32,
            carried=[row.carried for row in rows],
        )
        target, levels = torch.zeros_like(crystals.frac), torch.zeros_like(crystals.frac[..., 0])
        for index, row in enumerate(rows):
            target[index, : len(row.target)] = torch.as_tensor(row.target)
            levels[index, : len(row.target)] = torch.as_tensor(row.levels)
        return NoisyBatch(crystals, levels, target)


def find_carried(crystal: TrainingCrystal, focus: BoolArray) -> IntArray:
    """Return (n,) 1 + how many sites of the focus each other site carries, see `find_parents`.

    If nothing carries one of them, sites that seem to carry none have 0: it may belong to them.
    """
    structure = StructureBatch(
        labels=("training",),
        cells=crystal.cell[None],
        site_counts=np.array([len(focus)]),
        numbers=crystal.numbers,
        frac_coords=crystal.frac,
        inserted=focus,
    )
    return encode_carried(find_parents(structure), focus)


def expected_noise(
    kicks: NDArray[np.float64], axes: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(m, 3) target of sites with noise levels (m,), displaced by fractional kicks (m, 3)."""
    target = np.zeros_like(kicks)
    for level in np.unique(levels):
        same = levels == level
        target[same] = compute_wrapped_noise(kicks[same], axes, float(level))
    return target


@dataclass(frozen=True)
class _Noisy:
    crystal: TrainingCrystal
    frac: NDArray[np.float64]
    mask: NDArray[np.bool_]
    levels: NDArray[np.float64]
    target: NDArray[np.float64]
    carried: IntArray
