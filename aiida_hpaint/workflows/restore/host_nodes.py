"""Hosts of any kind as nodes: structures and files of AiiDA, groups, paths, ASE, pymatgen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from aiida.orm import CifData, Data, Dict, Group, QueryBuilder, SinglefileData, StructureData
from ase import Atoms

from aiida_hpaint.calculations.hosts import gather_hosts, join_hosts, read_hosts_of_node
from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings
from aiida_hpaint.science.structures import (
    HostError,
    HostProblem,
    StructureBatch,
    from_ase,
    from_pymatgen,
    parse_insert,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ["SOURCES", "HostSource", "Hosts", "make_host_node", "make_source_nodes", "store_file"]

SOURCES = (StructureData, SinglefileData, StructureBatchData)
"""Types of nodes that hosts are read from; a CifData is a SinglefileData."""

HostSource: TypeAlias = Union[StructureBatch, Data, Group, Atoms, "Structure", str, "PathLike[str]"]
"""A batch, a node of one of `SOURCES`, a group of them, an object, or the path of a file."""

Hosts: TypeAlias = HostSource | Sequence[HostSource] | Mapping[str, HostSource]

_MAX_INPUTS = 100
"""Largest number of input nodes of a calculation: AiiDA compares each of them with all others."""


def make_host_node(
    hosts: Hosts,
    add: str | Mapping[str, int] | None = None,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
) -> StructureBatchData:
    """Return hosts of any kind with the sites to insert as a node.

    What the hosts are read from is stored and linked with the node, except for a batch, which
    holds its sites to insert already.

    Parameters
    ----------
    add
        Sites to insert in each host, like `{"H": 4}` or "H:4,Li:1"; None: those that each file
        says that it lacks.
    settings
        What is made of disorder, and which statement about missing sites is believed.

    Raises
    ------
    HostError
        With all problems of the hosts. No calculation has been stored then.
    TypeError
        If something is no host.
    ValueError
        If there is no host, a file does not exist, or `add` is missing, or given for a batch.
    """
    if isinstance(hosts, StructureBatch | StructureBatchData):
        if add is not None:
            raise ValueError("add is for structures: a batch holds its sites to insert already")
        return StructureBatchData(hosts) if isinstance(hosts, StructureBatch) else hosts
    nodes = make_source_nodes(hosts)
    if add is None and any(isinstance(node, StructureData) for node in nodes):
        raise ValueError("say what to add to the structures, like add={'H': 4}")
    insert = parse_insert(add) if isinstance(add, str) else None if add is None else dict(add)
    # Check first: a calcfunction that raises an error would stay in the database.
    problems: list[HostProblem] = []
    for node in nodes:
        problems += read_hosts_of_node(node, insert, settings)[1]
    if problems:
        raise HostError(problems)
    how = {"insert": insert, "hosts": settings.model_dump(mode="json")}
    named = {f"source_{i:05d}": node for i, node in enumerate(nodes)}
    parts = [
        gather_hosts(
            label_node(Dict(how), "sites to insert"),
            Dict({}),
            **dict(list(named.items())[first : first + _MAX_INPUTS]),
        )
        for first in range(0, len(nodes), _MAX_INPUTS)
    ]
    if len(parts) == 1:
        return parts[0]
    joined: StructureBatchData = join_hosts(
        **{f"part_{i:05d}": part for i, part in enumerate(parts)}
    )
    return joined


def make_source_nodes(hosts: Hosts) -> list[Data]:
    """Store the nodes that hosts are read from, and return them in their order.

    Raises
    ------
    TypeError
        If something is no host.
    ValueError
        If there is none, or a file does not exist.
    """
    nodes = [node.store() for node in _find_nodes(hosts)]
    if not nodes:
        raise ValueError("there is no host: give a structure, a file, a group or a list of them")
    return nodes


def store_file(path: str | PathLike[str]) -> SinglefileData:
    """Return the node of a file, a CifData for a CIF; a file is stored once in the database.

    The node has the attributes `filename` and `sha256`.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    file = Path(path).absolute()
    if not file.is_file():
        raise ValueError(f"host {str(path)!r}: there is no such file")
    is_cif = file.suffix.lower() == ".cif"
    kind = CifData if is_cif else SinglefileData
    attributes = {"filename": file.name, "sha256": hash_file(file)}
    query = QueryBuilder().append(
        kind, filters={f"attributes.{name}": value for name, value in attributes.items()}
    )
    found: SinglefileData | None = query.first(flat=True)
    if found is not None:
        return found
    # An eager CifData parses its file with a parser that is not ours.
    node = kind(file=str(file), **({"parse_policy": "lazy"} if is_cif else {}))
    node.base.attributes.set("sha256", attributes["sha256"])
    node.label = file.name[:255]
    return node.store()


def _find_nodes(hosts: Any) -> Iterator[Data]:
    if isinstance(hosts, SOURCES):
        yield hosts
    elif isinstance(hosts, StructureBatch):
        yield StructureBatchData(hosts)
    elif isinstance(hosts, str | PathLike):
        yield store_file(hosts)
    elif isinstance(hosts, Atoms):
        yield StructureBatchData(from_ase([hosts]))
    elif isinstance(hosts, Group):
        found = [node for node in hosts.nodes if isinstance(node, SOURCES)]
        if not found:
            raise ValueError(f"group {hosts.label!r} has no structure, CIF or batch")
        yield from found
    elif isinstance(hosts, Mapping):
        for name in sorted(hosts):
            yield from _find_nodes(hosts[name])
    elif _is_structure_of_pymatgen(hosts):
        yield StructureBatchData(from_pymatgen([hosts]))
    elif isinstance(hosts, Iterable):
        for one in hosts:
            yield from _find_nodes(one)
    else:
        raise TypeError(
            f"{hosts!r} is no host: give a StructureData, CifData, StructureBatchData, Group, "
            "path, ase Atoms or pymatgen Structure, or a list of them"
        )


def _is_structure_of_pymatgen(value: Any) -> bool:
    from pymatgen.core import IStructure  # here: half a second

    return isinstance(value, IStructure)
