"""The source of a host, read again from its metadata."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.errors import HostError
from aiida_hpaint.science.structures.records import ListedSite, Record

__all__ = ["HostSource", "drop_source_texts", "read_source"]

_SAME_CELL = 1e-6
"""Relative difference of lattice vectors up to which cells are the same."""

_KEPT = 1024
"""Sources kept as read: as many hosts as one process writes files of, and then reports."""


@dataclass(frozen=True)
class HostSource:
    """What the source of a host says.

    Attributes
    ----------
    record
        The record; None where the host has none, as those from POSCAR files, or lost it.
    labels
        Label of each host site, of which there may be several with the same; empty without record.
    listed
        Label in the file by label of a host site, where these differ (disorder).
    notes
        What was lost, one sentence each.
    """

    record: Record | None = None
    labels: tuple[str, ...] = ()
    listed: dict[str, str] | None = None
    notes: tuple[str, ...] = ()

    def find_site(self, label: str) -> ListedSite | None:
        """Return the site of the record that a label of a host site stands for."""
        name = (self.listed or {}).get(label, label)
        sites = () if self.record is None else self.record.sites
        return next((site for site in sites if site.label == name), None)

    def has_cell(self, host: StructureBatch) -> bool:
        """Return whether a host has the very cell of the record."""
        if self.record is None:
            return False
        scale = np.abs(self.record.cell).max()
        return bool(np.abs(self.record.cell - host.cells[0]).max() < _SAME_CELL * scale)


def read_source(host: StructureBatch) -> HostSource:
    """Read the source of one host from the text that its metadata carry.

    Where the text is missing or unreadable, the source is empty, and a note says so.
    """
    metadata = host.metadata[0]
    text = (metadata.get("record") or {}).get("text", "")
    labels = tuple(map(str, metadata.get("site_labels", ())))
    if not text:
        return HostSource()
    if len(labels) != int((~host.inserted).sum()):
        return HostSource(notes=("The labels of the source were lost: new ones were made.",))
    found = _parse(str(metadata.get("source", "")), text, metadata["record"].get("format", "cif"))
    if isinstance(found, HostError):
        note = f"The source was lost, because its text cannot be read again ({found})."
        return HostSource(notes=(note,))
    listed = dict((metadata.get("disorder") or {}).get("sites", {}))
    return HostSource(found, labels, listed)


@lru_cache(maxsize=_KEPT)
def _parse(name: str, text: str, form: str) -> Record | HostError:
    from aiida_hpaint.science.structures.reading.cif import read_cif_records
    from aiida_hpaint.science.structures.reading.shelx import read_shelx_records
    from aiida_hpaint.science.structures.reading.text import SourceText

    read = read_shelx_records if form == "shelx" else read_cif_records
    return read(Path(name or "source"), SourceText(text, ""))[0]


def drop_source_texts(structures: StructureBatch) -> StructureBatch:
    """Return structures without the texts of their sources, which only hosts carry."""
    metadata = tuple(
        {key: value for key, value in entry.items() if key != "record"}
        for entry in structures.metadata
    )
    return replace(structures, metadata=metadata)
