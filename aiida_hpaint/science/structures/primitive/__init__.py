"""The smallest cell first: hosts searched in their primitive cells, samples in the file's cell."""

from aiida_hpaint.science.structures.primitive.samples import (
    CELL_REPEATS,
    expand_samples,
    number_searches,
)
from aiida_hpaint.science.structures.primitive.searches import (
    choose_searches,
    describe_searches,
    get_search,
)

__all__ = [
    "CELL_REPEATS",
    "choose_searches",
    "describe_searches",
    "expand_samples",
    "get_search",
    "number_searches",
]
