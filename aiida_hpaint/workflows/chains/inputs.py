"""Values of Python as inputs of a GraphWorkChain: codes, options and hosts as nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ProcessBuilder
from aiida.orm import AbstractCode, Dict
from pydantic import BaseModel

from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures import StructureBatch, parse_insert
from aiida_hpaint.workflows.dft.codes import find_espresso_code
from aiida_hpaint.workflows.engine.codes import find_code
from aiida_hpaint.workflows.restore.host_nodes import Hosts, make_source_nodes

__all__ = ["Codes", "make_batch_node", "set_common_inputs", "set_hosts"]

Codes = str | AbstractCode | Mapping[str, Any] | None
"""One code, its label, or one by stage: `sample`, `relax`, and `dft` and `pp` for pw.x and pp.x."""

_PYTHON, _ESPRESSO = ("sample", "relax"), {"dft": "pw", "pp": "pp"}


def set_common_inputs(
    builder: ProcessBuilder,
    settings: BaseModel,
    code: Codes,
    options: Mapping[str, Any] | None,
    needed: tuple[str, ...] = _PYTHON,
) -> None:
    """Set `settings`, `codes` and `options` of a builder.

    Parameters
    ----------
    needed
        Names of the codes; a single code is that of all which run Python.

    Raises
    ------
    ValueError
        If there is no such code.
    """
    given = code if isinstance(code, Mapping) else dict.fromkeys(_PYTHON, code)
    codes = {}
    for name in needed:
        if name in _ESPRESSO:
            codes[name] = find_espresso_code(_ESPRESSO[name], given.get(name))
        else:
            codes[name] = find_code(given.get(name))
    values = Dict(settings.model_dump(mode="json"))
    builder.settings, builder.codes = label_node(values, type(settings).__name__), codes
    if options:
        builder.options = label_node(Dict(dict(options)), "options of the jobs")


def set_hosts(
    builder: ProcessBuilder, hosts: Hosts | None, add: str | Mapping[str, int] | None
) -> None:
    """Set the nodes that hosts are read from, in their order, and what is to be added to them."""
    nodes = [] if hosts is None else make_source_nodes(hosts)
    builder.hosts = {f"host_{i:05d}": node for i, node in enumerate(nodes)}
    if add is not None:
        insert = parse_insert(add) if isinstance(add, str) else dict(add)
        builder.add = label_node(Dict(insert), "sites to insert")


def make_batch_node(structures: StructureBatch | StructureBatchData) -> StructureBatchData:
    """Return structures as a node, which is made for a plain batch."""
    if isinstance(structures, StructureBatch):
        return StructureBatchData(structures)
    return structures
