"""Geometric positions: H of organic groups, where the bonds of their carbon and nitrogen say."""

from aiida_hpaint.science.structures.geometric.groups import (
    GeometricGroup,
    find_geometric_groups,
)
from aiida_hpaint.science.structures.geometric.record import (
    DRAWN,
    GEOMETRIC,
    count_drawn,
    count_geometric,
)

__all__ = [
    "DRAWN",
    "GEOMETRIC",
    "GeometricGroup",
    "count_drawn",
    "count_geometric",
    "find_geometric_groups",
]
