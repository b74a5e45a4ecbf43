"""Restored crystals as files: CIF and SHELX as their source has them, and other formats."""

from aiida_hpaint.science.structures.writing.cif import write_cif
from aiida_hpaint.science.structures.writing.files import FORMATS, write_restored

__all__ = ["FORMATS", "write_cif", "write_restored"]
