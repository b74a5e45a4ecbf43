"""A campaign.yaml of the records that miss hydrogen."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from aiida_hpaint.science.outputs import replace_text

if TYPE_CHECKING:
    from aiida_hpaint.science.databases import Document, Finding

_HEAD = """\
# Records that miss hydrogen, found by aiida-hpaint find.
#
#   aiida-hpaint submit {name} --dry-run
#   aiida-hpaint submit {name}
"""


@dataclass
class CampaignFile:
    """A campaign.yaml that is being made.

    Attributes
    ----------
    path
        Path of the file.
    name
        Name of the campaign.
    group, archive
        AiiDA group and archive that nodes come from.
    """

    path: Path
    name: str
    group: str | None = None
    archive: Path | None = None
    _hosts: list[str] = field(default_factory=list)
    _nodes: list[str] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _has_others: bool = False

    def add(self, document: Document, findings: Sequence[Finding], n_records: int) -> None:
        """Add a document if one of its records misses hydrogen.

        Parameters
        ----------
        document
            The document. If it is in no file of its own, it is written into the folder of hosts.
        findings
            Its records of interest.
        n_records
            Number of all its records.
        """
        from aiida_hpaint.science.databases import Verdict

        missing = [finding for finding in findings if finding.verdict is Verdict.MISSING]
        if not missing:
            return
        # A campaign takes documents as a whole: their other records are to be left out.
        self._has_others |= len(missing) < n_records
        if document.uuid:
            self._nodes.append(document.uuid)
        elif document.path is not None:
            self._hosts.append(glob.escape(self._make_relative(document.path)))
        else:
            self._hosts.append(glob.escape(self._write_host(document)))

    def write(self, settings: Mapping[str, Any]) -> Path:
        """Write the file with settings that differ from those of its protocol; return its path."""
        archive = None if self.archive is None else self._make_relative(self.archive)
        values: dict[str, Any] = {
            "campaign": self.name,
            "hosts": self._hosts,
            "archive": archive if self._nodes else None,
            "group": self.group if self._nodes else None,
            "nodes": self._nodes,
            "skip_bad": self._has_others,
            "protocol": "balanced",
            "settings": dict(settings),
        }
        values = {key: value for key, value in values.items() if value}
        head = _HEAD.format(name=self.path.name)
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
        replace_text(self.path, f"{head}{text}")
        return self.path

    def _make_relative(self, path: Path) -> str:
        return os.path.relpath(str(path), str(self.path.parent))

    def _write_host(self, document: Document) -> str:
        from aiida_hpaint.science.structures import make_safe_name

        folder = self.path.parent / f"{self.path.stem}-hosts"
        folder.mkdir(parents=True, exist_ok=True)
        stem, dot, suffix = document.filename.partition(".")
        name = make_safe_name(stem, self._names)
        self._names.add(name)
        (folder / f"{name}{dot}{suffix}").write_bytes(document.content)
        return f"{folder.name}/{name}{dot}{suffix}"
