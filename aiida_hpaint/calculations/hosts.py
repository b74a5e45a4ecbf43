"""Calcfunctions of hosts: read them from nodes, join them, and cut them into chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiida.engine import calcfunction
from aiida.orm import CifData, Data, Dict, Int, SinglefileData, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings
from aiida_hpaint.science.structures import HostError, HostProblem, make_safe_name, prepare_hosts
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.chunks import chunk_by_sites
from aiida_hpaint.science.structures.host_of_record import prepare_host_of_record
from aiida_hpaint.science.structures.reading import read_records

__all__ = [
    "CIF_OF",
    "cut_into_restorations",
    "gather_hosts",
    "join_hosts",
    "open_cif",
    "read_hosts_of_node",
    "strip_results",
]

CIF_OF = "_cif"
"""Ending of the name of a CIF that says what the structure of that name lacks."""

SitesToInsert = str | Mapping[str, int] | None


@calcfunction
def gather_hosts(add: Dict, rows: Dict, **sources: Data) -> StructureBatchData:
    """Return the hosts of nodes with the sites to insert, in the order of the nodes' names.

    Parameters
    ----------
    add
        `insert`: sites to insert, like `{"H": 4}`; with None, those that a record lacks. `hosts`:
        fields of `HostSettings`.
    rows
        Indices of the hosts to take from a source, by its name; without an entry, all.
    sources
        Nodes: StructureData, CifData, other SinglefileData with structures, or
        StructureBatchData. A CifData whose name is that of a StructureData with `CIF_OF` appended
        says what that structure lacks.
    """
    chosen = rows.get_dict()
    settings = HostSettings(**add.get_dict().get("hosts", {}))
    found = []
    for name in sorted(sources):
        if name.endswith(CIF_OF):
            continue
        cif: Any = sources.get(f"{name}{CIF_OF}")
        hosts, problems = read_hosts_of_node(sources[name], add["insert"], settings, cif)
        if name in chosen and hosts is not None:
            hosts = hosts[chosen[name]]
        elif problems or hosts is None:
            raise HostError(problems)
        found.append(hosts)
    return StructureBatchData(concatenate(found))


@calcfunction
def join_hosts(**parts: StructureBatchData) -> StructureBatchData:
    """Return the hosts of several nodes in one, in the order of the nodes' names."""
    return StructureBatchData(
        concatenate([strip_results(parts[name].batch) for name in sorted(parts)])
    )


@calcfunction
def cut_into_restorations(
    hosts: StructureBatchData, max_sites: Int
) -> dict[str, StructureBatchData]:
    """Return chunks of whole hosts with at most `max_sites` sites each: `chunk_0000` and so on.

    Unlike those of `split_hosts`, each chunk becomes a restoration of its own.
    """
    batch = strip_results(hosts.batch)
    chunks = chunk_by_sites(batch, max_sites.value)
    return {f"chunk_{i:04d}": StructureBatchData(batch[rows]) for i, rows in enumerate(chunks)}


def read_hosts_of_node(
    source: Data,
    insert: SitesToInsert,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
    cif: CifData | None = None,
) -> tuple[StructureBatch | None, tuple[HostProblem, ...]]:
    """Return the valid hosts of a node and the problems of the others; no provenance is stored.

    Parameters
    ----------
    source
        StructureData, CifData, another SinglefileData, or StructureBatchData.
    insert
        Sites to insert; with None, those that a record lacks.
    settings
        What is made of disorder, and which statement about missing sites is believed.
    cif
        CIF that says what a StructureData lacks.

    Raises
    ------
    TypeError
        If the node is of another type.
    """
    if isinstance(source, CifData):
        with open_cif(source) as path:
            return _from_file(path, source, insert, settings)
    if isinstance(source, SinglefileData):
        with _open_file(source) as path:
            return _from_file(path, source, insert, settings)
    if isinstance(source, StructureBatchData):
        listed = [_with_source(host, source) for host in strip_results(source.batch)]
        return prepare_hosts(listed, insert, settings=settings)
    if isinstance(source, StructureData):
        if cif is None or insert is not None:
            return prepare_hosts([source], insert, settings=settings)
        return _from_structure_of_cif(source, cif, settings)
    raise TypeError(f"node {source.pk} is not a structure, but {type(source).__name__}")


def strip_results(hosts: StructureBatch) -> StructureBatch:
    """Return hosts without the scalars and the history of earlier processes."""
    return replace(hosts, scalars={}, history=())


def _from_file(
    path: Path, source: SinglefileData, insert: SitesToInsert, settings: HostSettings
) -> tuple[StructureBatch | None, tuple[HostProblem, ...]]:
    hosts, problems = prepare_hosts([path], insert, settings=settings)
    return None if hosts is None else _with_source(hosts, source), problems


def _from_structure_of_cif(
    source: StructureData, cif: CifData, settings: HostSettings
) -> tuple[StructureBatch | None, tuple[HostProblem, ...]]:
    """Return a structure with the sites that the only record of its CIF lacks."""
    with open_cif(cif) as path:
        records = read_records(path)
    label = str(source.label or f"node {source.pk}")
    if len(records) != 1:
        reason = f"it was made from {cif.filename}, which has {len(records)} structures"
        return None, (HostProblem(label, reason, "Say what to add, for example H:4"),)
    record = records[0]
    if isinstance(record, HostError):
        return None, record.problems
    return prepare_host_of_record(source, record, settings)


@contextmanager
def open_cif(source: CifData) -> Iterator[Path]:
    """Write the content of a node into a file whose name becomes the label of its hosts."""
    name = Path(str(source.label or source.filename)).name
    stem = name[:-4] if name.lower().endswith(".cif") else name
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{make_safe_name(stem)}.cif"
        path.write_bytes(source.get_content(mode="rb"))
        yield path


@contextmanager
def _open_file(source: SinglefileData) -> Iterator[Path]:
    """Write the content of a node into a file of its name, which tells the format."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(source.filename).name
        path.write_bytes(source.get_content(mode="rb"))
        yield path


def _with_source(hosts: StructureBatch, source: Data) -> StructureBatch:
    noted: tuple[dict[str, Any], ...] = tuple(
        {**entry, "uuid": source.uuid, "row": row} for row, entry in enumerate(hosts.metadata)
    )
    return replace(hosts, metadata=noted)
