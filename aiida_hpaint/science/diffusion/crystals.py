"""Crystals: a few structures as padded tensors, the input of every score network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Crystals:
    """B structures, padded to the N sites of the largest.

    Attributes
    ----------
    numbers : (B, N) integers
        Atomic numbers; 0 marks padding.
    unknown : (B, N) booleans
        True for the sites to insert; all others are known and clean.
    frac : (B, N, 3)
        Fractional coordinates.
    cells : (B, 3, 3)
        Lattice vectors as rows, Å.
    carried : (B, N) integers
        1 + the number of sites to insert that each known site carries, as the budget of the
        structure says; 0 where it says nothing.
    """

    numbers: Tensor
    unknown: Tensor
    frac: Tensor
    cells: Tensor
    carried: Tensor

    @property
    def present(self) -> Tensor:
        """Mask (B, N) of sites, False for padding."""
        return self.numbers > 0

    def with_frac(self, frac: Tensor) -> Crystals:
        """Return the same crystals with other fractional coordinates."""
        return replace(self, frac=frac)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Crystals:
        """Return the same crystals on a device, with coordinates and cells in a precision."""
        return Crystals(
            numbers=self.numbers.to(device),
            unknown=self.unknown.to(device),
            frac=self.frac.to(device, dtype),
            cells=self.cells.to(device, dtype),
            carried=self.carried.to(device),
        )


def collate(
    numbers: Sequence[NDArray[np.integer]],
    frac: Sequence[NDArray[np.floating]],
    cells: Sequence[NDArray[np.floating]],
    unknown: Sequence[NDArray[np.bool_]],
    dtype: torch.dtype = torch.float64,
    *,
    carried: Sequence[NDArray[np.integer]] | None = None,
) -> Crystals:
    """Pad structures, each given by its arrays, into one `Crystals`; by default without budgets."""
    size, width = len(numbers), max(len(entry) for entry in numbers)
    batch = Crystals(
        numbers=torch.zeros(size, width, dtype=torch.long),
        unknown=torch.zeros(size, width, dtype=torch.bool),
        frac=torch.zeros(size, width, 3, dtype=dtype),
        cells=torch.as_tensor(np.stack(list(cells)), dtype=dtype),
        carried=torch.zeros(size, width, dtype=torch.long),
    )
    for row, counts in enumerate(carried or ()):
        batch.carried[row, : len(counts)] = torch.as_tensor(counts.astype(np.int64))
    for row, (species, coords, mask) in enumerate(zip(numbers, frac, unknown, strict=True)):
        count = len(species)
        batch.numbers[row, :count] = torch.as_tensor(species.astype(np.int64))
        batch.unknown[row, :count] = torch.as_tensor(mask)
        batch.frac[row, :count] = torch.as_tensor(coords, dtype=dtype)
    return batch
