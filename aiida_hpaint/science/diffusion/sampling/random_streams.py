"""Random numbers of one sample, independent of all other samples."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.types import BoolArray, IntArray


def make_random_stream(
    seed: int,
    sample: int,
    numbers: IntArray,
    inserted: BoolArray,
    carriers: IntArray | tuple[int, ...] = (),
) -> np.random.Generator:
    """Return a stream that belongs to a seed, the index of a sample and the host's composition.

    The composition stands for the host, as it does not change with its orientation, the order of
    its sites or its label. Hosts of the same composition get the same numbers, and different
    samples, as their sites differ. Philox is used because equal seeds give equal numbers with
    every version of numpy and on every platform.

    Parameters
    ----------
    carriers : (g,)
        Atomic numbers of the atoms that carry inserted sites, as far as they are known.
    """
    # 0, which is no element, separates known from inserted sites.
    species = [*sorted(numbers[~inserted].tolist()), 0, *numbers[inserted].tolist()]
    if len(carriers):
        species += [0, *sorted(np.asarray(carriers).tolist())]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, sample, *species])))
