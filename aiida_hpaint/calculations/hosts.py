"""Hosts from StructureData, with the link from one to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiida.engine import calcfunction
from aiida.orm import Dict, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures import HostError, StructureBatch, prepare_hosts

__all__ = ["collect_hosts", "make_hosts"]


@calcfunction
def collect_hosts(add: Dict, **structures: StructureData) -> StructureBatchData:
    """Hosts with the sites to insert, in the order of the names of the structures.

    A host takes the label of its structure, or its formula where it has none; its metadata hold
    the structure's UUID.
    """
    ordered = [structures[name] for name in sorted(structures)]
    return StructureBatchData(make_hosts(ordered, add.get_dict()))


def make_hosts(structures: Sequence[StructureData], add: Mapping[str, int]) -> StructureBatch:
    """The same without provenance.

    Raises
    ------
    HostError
        With everything that is wrong with any of the structures.
    """
    hosts, problems = prepare_hosts(structures, add)
    if problems or hosts is None:
        raise HostError(problems)
    return hosts
