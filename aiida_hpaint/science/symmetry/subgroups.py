"""Subgroups of index 2: symmetry of a host that is broken once by the inserted sites."""

from __future__ import annotations

import itertools

import numpy as np

from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.types import IntArray

MAX_SUBGROUPS = 15
"""Largest number of subgroups; groups with more come from cells that are not primitive."""


def find_index_two_subgroups(group: SymmetryGroup) -> list[IntArray]:
    """Find all subgroups with half of the operations, by index; none if more than 15.

    Each contains all squares. The group modulo its squares is a vector space over {0, 1}, whose
    hyperplanes are these subgroups.
    """
    squares = group.closure(np.diag(group.products))
    basis, spanned = [], squares
    for operation in range(len(group)):
        if operation not in spanned:
            basis.append(operation)
            spanned = group.closure(np.append(spanned, operation))
    if 2 ** len(basis) - 1 > MAX_SUBGROUPS:
        return []
    vectors = np.zeros((len(group), len(basis)), dtype=np.int64)
    for bits in itertools.product((0, 1), repeat=len(basis)):
        product = group.identity
        for bit, operation in zip(bits, basis, strict=True):
            product = int(group.products[product, operation]) if bit else product
        vectors[group.products[product, squares]] = bits
    normals = itertools.product((0, 1), repeat=len(basis))
    return [np.flatnonzero(vectors @ normal % 2 == 0) for normal in normals if any(normal)]
