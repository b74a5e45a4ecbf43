"""Nodes of a group or an archive that miss hydrogen, and why one thinks so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiida.orm import CifData

from aiida_hpaint.calculations.hosts import open_cif, read_hosts_of_node
from aiida_hpaint.campaigns.nodes import Selection, SourceNode, find_source_nodes
from aiida_hpaint.campaigns.sources import open_archive, read_hosts_of_source
from aiida_hpaint.science.databases import Document, Finding, examine_document, examine_hosts
from aiida_hpaint.science.settings import HostSettings

__all__ = ["NodeFindings", "examine_archive", "examine_group"]

NodeFindings = tuple[int, Document, list[Finding]]
"""Number of all nodes, one of them, and its findings."""


def examine_group(
    label: str, where: Sequence[str], settings: HostSettings
) -> Iterator[NodeFindings]:
    """Yield the nodes of a group with their findings.

    Raises
    ------
    ValueError
        If there is no such group.
    """
    yield from _examine(find_source_nodes(label, Selection(tuple(where))), settings)


def examine_archive(
    path: Path, where: Sequence[str], settings: HostSettings
) -> Iterator[NodeFindings]:
    """Yield the nodes of an archive with their findings, without importing it.

    Raises
    ------
    ValueError
        If the file is not an archive.
    """
    with open_archive(path) as backend:
        sources = find_source_nodes(None, Selection(tuple(where)), backend)
        yield from _examine(sources, settings)


def _examine(sources: Sequence[SourceNode], settings: HostSettings) -> Iterator[NodeFindings]:
    for source in sources:
        node: Any = source.node
        where = f"node {node.pk} ({node.uuid})"
        document = Document(where, uuid=node.uuid)
        if isinstance(node, CifData):
            with open_cif(node) as path:
                findings = examine_document(replace(document, path=path), settings)
        else:
            hosts, problems = read_hosts_of_source(source, None, settings)
            # Without an answer on what is missing, the structure itself may still be sound.
            sound = None if hosts is not None else read_hosts_of_node(node, {"H": 1}, settings)[0]
            findings = examine_hosts(hosts or (), problems, where, sound is not None)
        if source.statement:
            findings = [_add_statement(finding, source.statement) for finding in findings]
        yield len(sources), document, findings


def _add_statement(finding: Finding, statement: str) -> Finding:
    return replace(finding, reason=f"{finding.reason}; {statement}".removeprefix("; "))
