"""Restored crystals as files: CIF and SHELX as their source has them, and other formats."""

from aiida_hpaint.science.structures.writing.cif import write_cif
from aiida_hpaint.science.structures.writing.files import (
    FORMATS,
    list_names,
    remove_restored,
    write_restored,
)
from aiida_hpaint.science.structures.writing.versions import Version

__all__ = [
    "FORMATS",
    "Version",
    "list_names",
    "remove_restored",
    "write_cif",
    "write_restored",
]
