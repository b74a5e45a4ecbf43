"""Training structures, and the batches made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from aiida_hpaint.diffusion.cards import NoiseSettings
from aiida_hpaint.diffusion.crystals import Crystals, collate
from aiida_hpaint.diffusion.lattice import reduce_cell, standard_cell
from aiida_hpaint.diffusion.masks import MaskSettings, draw_mask
from aiida_hpaint.diffusion.noise import Noise, wrapped_noise

POOL = 16
"""Batches are cut from pools of this many, sorted by size, so that little is padded."""


@dataclass(frozen=True)
class TrainingStructures:
    """Structures in reduced cells of standard orientation, fractional coordinates."""

    numbers: list[NDArray[np.int64]]
    frac: list[NDArray[np.float64]]
    cells: list[NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(S,) number of sites of each structure."""
        return np.array([len(species) for species in self.numbers])


def load_structures(path: Path) -> TrainingStructures:
    """Read an npz with `num_atoms`, `atomic_numbers`, `frac_coords`, `lattice` (row vectors, Å)."""
    with np.load(path, allow_pickle=False) as data:
        cuts = np.cumsum(data["num_atoms"].astype(np.int64))[:-1]
        numbers = np.split(data["atomic_numbers"].astype(np.int64), cuts)
        frac = np.split(data["frac_coords"].astype(np.float64), cuts)
        lattices = data["lattice"].astype(np.float64)
    transforms = [reduce_cell(cell) for cell in lattices]
    pairs = zip(transforms, lattices, strict=True)
    return TrainingStructures(
        numbers=numbers,
        frac=[x @ np.linalg.inv(t) for x, t in zip(frac, transforms, strict=True)],
        cells=[standard_cell(t @ cell) for t, cell in pairs],
    )


@dataclass(frozen=True)
class NoisyBatch:
    """What one training step sees: noisy crystals, noise levels (B, N) in Å and the target."""

    crystals: Crystals
    levels: Tensor
    target: Tensor


class NoisyBatches(IterableDataset[NoisyBatch]):
    """Batches `first` to `last` of an endless sequence that depends on the seed alone."""

    def __init__(
        self,
        structures: TrainingStructures,
        masks: MaskSettings,
        noise: NoiseSettings,
        *,
        batch_size: int,
        focus_share: float,
        seed: int,
        first: int,
        last: int,
    ) -> None:
        self.structures, self.masks, self.noise = structures, masks, Noise(noise)
        self.batch_size, self.focus_share, self.seed = batch_size, focus_share, seed
        self.first, self.last = first, last
        focus = np.array([masks.focus in species for species in structures.numbers])
        usable = structures.sizes > 1
        self.focused, self.others = np.where(usable & focus)[0], np.where(usable & ~focus)[0]

    def __iter__(self) -> Iterator[NoisyBatch]:
        for step in range(self.first, self.last):
            rng = np.random.default_rng([self.seed, 1, step])
            yield self._noisy([self._clean(i, rng) for i in self._members(step)])

    def _members(self, step: int) -> NDArray[np.int64]:
        """The structures of a batch: a slice of a shuffled pool that is sorted by size."""
        rng = np.random.default_rng([self.seed, 0, step // POOL])
        total = POOL * self.batch_size
        share = round(total * self.focus_share) if len(self.focused) else 0
        share = share if len(self.others) else total
        chosen = np.concatenate(
            [_draw(rng, self.focused, share), _draw(rng, self.others, total - share)]
        )
        order = np.argsort(self.structures.sizes[chosen] + rng.random(total))
        rows = chosen[order].reshape(POOL, self.batch_size)
        return np.asarray(rows[rng.permutation(POOL)[step % POOL]])

    def _clean(self, index: int, rng: np.random.Generator) -> _Noisy:
        s = self.structures
        numbers, frac, cell = s.numbers[index], s.frac[index], s.cells[index]
        mask = draw_mask(numbers, self.masks, rng)
        cells = torch.as_tensor(cell)[None]
        low, high = (float(x) for x in self.noise.bounds(cells, torch.tensor([len(numbers)])))
        axes = self.noise.axes(cells)[0].numpy()
        level = low * (high / low) ** rng.random()
        kicks = rng.standard_normal((int(mask.sum()), 3)) * level @ np.linalg.inv(axes)
        noisy, target = frac.copy(), np.zeros_like(frac)
        noisy[mask] += kicks
        target[mask] = wrapped_noise(kicks, axes, level)
        return _Noisy(numbers, noisy, cell, mask, level, target)

    def _noisy(self, rows: list[_Noisy]) -> NoisyBatch:
        crystals = collate(
            [row.numbers for row in rows],
            [row.frac for row in rows],
            [row.cell for row in rows],
            [row.mask for row in rows],
            dtype=torch.float32,
        )
        target = torch.zeros_like(crystals.frac)
        for index, row in enumerate(rows):
            target[index, : len(row.target)] = torch.as_tensor(row.target)
        levels = torch.tensor([row.level for row in rows], dtype=torch.float32)
        return NoisyBatch(crystals, levels[:, None] * crystals.unknown, target)


def _draw(rng: np.random.Generator, members: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.asarray(rng.choice(members, count) if count else members[:0])


@dataclass(frozen=True)
class _Noisy:
    numbers: NDArray[np.int64]
    frac: NDArray[np.float64]
    cell: NDArray[np.float64]
    mask: NDArray[np.bool_]
    level: float
    target: NDArray[np.float64]
