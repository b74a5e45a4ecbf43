"""Geometric positions: H of organic groups, where the bonds of their carbon and nitrogen say."""

from aiida_hpaint.science.structures.geometric.groups import (
    GEOMETRIC,
    GeometricGroup,
    find_geometric_groups,
)

__all__ = ["GEOMETRIC", "GeometricGroup", "find_geometric_groups"]
