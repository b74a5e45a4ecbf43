"""The search for lower arrangements, in rounds, until the lowest one of a host is found often."""

from aiida_hpaint.science.search.inputs import SearchInputs
from aiida_hpaint.science.search.stage import search_hosts

__all__ = ["SearchInputs", "search_hosts"]
