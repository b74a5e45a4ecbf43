"""absurd: samples that offend against a rule of chemistry, whatever else was drawn."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.plausibility.close import too_close
from aiida_hpaint.science.plausibility.contacts import find_contacts
from aiida_hpaint.science.plausibility.rules import RULES
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import BoolArray


def absurd(samples: StructureBatch) -> BoolArray:
    """(S,) whether a sample has sites too close or breaks one of the `RULES`.

    Parameters
    ----------
    samples
        With the scalar `host`; those of one host have the same cell and the same sites in the
        same order. One with a site that has no position is not absurd: it is no structure at all.
    """
    found = np.zeros(len(samples), dtype=np.bool_)
    hosts = samples.scalars["host"]
    judged = samples.placed & (samples.insert_counts > 0)
    for host in np.unique(hosts[judged]):
        members = np.flatnonzero(judged & (hosts == host))
        contacts = find_contacts(samples, members)
        offences = np.sum([rule(contacts) for rule in RULES.values()], axis=0)
        found[members] = too_close(contacts) | (offences > 0)
    return found
