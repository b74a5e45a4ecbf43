"""Samples beside the budget of their host: how many H are not where it says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from aiida_hpaint.science.plausibility.carriers import find_carriers, find_shared
from aiida_hpaint.science.plausibility.contacts import find_contacts
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents
from aiida_hpaint.science.types import IntArray


def find_parents(structure: StructureBatch) -> IntArray:
    """Return the (m,) parent of each inserted site of one complete structure.

    It is the atom that carries an inserted H; for H that nothing carries and for other elements it
    is -1.
    """
    carriers = find_carriers(find_contacts(structure, np.array([0])))[0]
    hydrogen = structure.numbers[structure.inserted] == 1
    return np.where(hydrogen, carriers, UNKNOWN).astype(np.int64)


def count_misplaced(samples: StructureBatch) -> IntArray:
    """Count the (S,) places for H in the budget of each sample that no H takes.

    The budget gives each atom a number of H. An H takes a place at the atom that carries it, or at
    one that shares it (see `find_shared`); which H it is does not matter. Where the budget does
    not say which atoms carry H, and in samples with unplaced sites, the number is -1.

    Parameters
    ----------
    samples
        Those with the same scalar `host` have the same cell, the same sites in the same order and
        the same budget.
    """
    found = np.full(len(samples), UNKNOWN, dtype=np.int64)
    hosts = samples.host_indices
    checked = samples.placed & (samples.insert_counts > 0)
    for host in np.unique(hosts[checked]):
        members = np.flatnonzero(checked & (hosts == host))
        parents = read_parents(samples[int(members[0])])
        places = parents[parents != UNKNOWN]
        if len(places):
            found[members] = _count_empty_places(samples, members, places)
    return found


def _count_empty_places(
    samples: StructureBatch, members: NDArray[np.intp], places: IntArray
) -> IntArray:
    contacts = find_contacts(samples, members)
    bound = find_shared(contacts)
    rows, inserted = np.nonzero((carriers := find_carriers(contacts)) != UNKNOWN)
    bound[rows, inserted, carriers[rows, inserted]] = True
    # An H takes one place, and a place has room for one H.
    takes = bound[:, :, places].astype(np.int64)
    matched = [maximum_bipartite_matching(csr_array(one), perm_type="column") for one in takes]
    return np.array([len(places) - np.count_nonzero(one >= 0) for one in matched], dtype=np.int64)
