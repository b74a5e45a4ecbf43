"""Records from files: CIF, SHELX and other formats."""

from __future__ import annotations

from aiida_hpaint.science.structures.reading.expand import expand_record
from aiida_hpaint.science.structures.reading.files import holds_records, read_records

__all__ = ["expand_record", "holds_records", "read_records"]
