"""Hashes of hosts, which do not depend on labels or on the order of sites."""

from __future__ import annotations

import hashlib

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents

__all__ = ["hash_host", "hash_hosts"]


def hash_host(host: StructureBatch) -> str:
    """Return the SHA-256 of the content of one host.

    It covers the cell, elements and positions of host sites, elements of the sites to insert (and
    their positions, if given), bit for bit, and how many of these each host site carries, where
    its budget says so. Label, other metadata, scalars and the order of sites do not matter.

    Parameters
    ----------
    host
        A batch of one structure.

    Raises
    ------
    ValueError
        If the batch has several structures, or none.
    """
    if len(host) != 1:
        raise ValueError(f"a batch of one host is needed, got {len(host)}")
    return hash_hosts(host)[0]


def hash_hosts(hosts: StructureBatch) -> list[str]:
    """Return `hash_host` of each structure of a batch."""
    # Negative zero and unusual NaN have other bits than zero and the usual NaN.
    coords = np.where(np.isnan(hosts.frac_coords), np.nan, hosts.frac_coords + 0.0)
    carried = np.zeros(hosts.n_sites, dtype="<i8")
    for index, host in enumerate(hosts):
        parents = read_parents(host)
        np.add.at(carried, hosts.offsets[index] + parents[parents != UNKNOWN], 1)
    columns = (carried, *coords.T[::-1], hosts.inserted, hosts.numbers, hosts.owners)
    order = np.lexsort(columns)
    kinds = (2 * hosts.numbers + hosts.inserted)[order].astype("<i8")
    sorted_coords = coords[order].astype("<f8")
    cells = (hosts.cells + 0.0).astype("<f8")
    found = []
    for index in range(len(hosts)):
        sites = hosts.sites(index)
        parts = [cells[index], kinds[sites], sorted_coords[sites]]
        if carried[sites].any():
            parts.append(carried[order][sites])
        found.append(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
    return found
