"""Space groups of answers: what table, samples and restored files mean by them."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.writing.crystal import describe_crystal
from aiida_hpaint.science.structures.writing.versions import RELAXED
from aiida_hpaint.science.types import BoolArray, IntArray

__all__ = ["find_answer_groups"]


def find_answer_groups(
    samples: StructureBatch, hosts: StructureBatch, chosen: BoolArray
) -> IntArray:
    """Return the (S,) space groups of samples by their numbers; 0 for those without one.

    It is the group of `NAME_relaxed.cif`: the operations of the host under which all sites come
    within 0.2 Å of an equivalent one.

    Parameters
    ----------
    samples
        Samples with the scalar `host`.
    hosts
        Hosts before the restoration, by their scalar `host`, or by their row where they have none.
    chosen : (S,) booleans
        Which samples are finished candidates.
    """
    rows = hosts.find_host_rows()
    groups = np.zeros(len(samples), dtype=np.int64)
    for index in np.flatnonzero(chosen & samples.placed).tolist():
        host = hosts[rows[int(samples.scalars["host"][index])]]
        with suppress(ValueError):  # sites that are not those of the host: nothing can be said
            groups[index] = describe_crystal(samples[index], host, RELAXED).names.number
    return groups
