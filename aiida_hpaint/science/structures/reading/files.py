"""Files that hold records, by their names."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from aiida_hpaint.science.structures.errors import HostError
from aiida_hpaint.science.structures.reading.cif import read_cif_records
from aiida_hpaint.science.structures.reading.optimade import read_optimade
from aiida_hpaint.science.structures.reading.shelx import read_shelx_records
from aiida_hpaint.science.structures.reading.text import read_source_text
from aiida_hpaint.science.structures.records import Record

__all__ = ["holds_records", "read_records"]

_CIF = (".cif", ".mcif", ".cif.gz", ".mcif.gz")
_SHELX = (".res", ".ins", ".res.gz", ".ins.gz")
_JSON = ".json"


def holds_records(path: str | PathLike[str]) -> bool:
    """Return whether a file is one that `read_records` reads, by its name."""
    return Path(path).name.lower().endswith((*_CIF, *_SHELX, _JSON))


def read_records(path: str | PathLike[str]) -> list[Record | HostError]:
    """Read the records of a file, or the errors that they raise.

    Parameters
    ----------
    path
        A CIF (`.cif`, `.mcif`) or a SHELX file (`.res`, `.ins`), gzipped (`.gz`) or not, or
        structures of OPTIMADE (`.json`).
    """
    source = Path(path)
    try:
        if source.name.lower().endswith(_JSON):
            return read_optimade(source)
        text = read_source_text(source)
    except HostError as error:
        return [error]
    if source.name.lower().endswith(_SHELX):
        return read_shelx_records(source, text)
    return read_cif_records(source, text)
