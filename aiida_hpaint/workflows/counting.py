"""The count WorkGraph: restore a host with every number of sites, and rank the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from aiida.orm import AbstractCode, Dict, SinglefileData, Str, StructureData
from aiida_workgraph import WorkGraph, dynamic, get_current_graph, namespace, task
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.counting import rank_counts
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.counting.phases import phase_batch
from aiida_hpaint.science.counting.question import check_phases, elements_of, with_question
from aiida_hpaint.science.counting.settings import CountingSettings
from aiida_hpaint.science.counting.trials import bare_host, trial_hosts
from aiida_hpaint.science.relaxation import get_potential
from aiida_hpaint.science.settings import CHUNK_SITES
from aiida_hpaint.science.structures import StructureBatch, read_hosts
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.workflows.engine.durable import DurableGraph
from aiida_hpaint.workflows.restore.build import (
    borrow_relaxation,
    restore_inputs,
    runs_here,
)
from aiida_hpaint.workflows.restore.chunks import STAGE
from aiida_hpaint.workflows.restore.graph import PLAN, restore
from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = ["build_count", "count"]

_STRUCTURE = Annotated[StructureData, SocketMeta(required=False)]
_RANKED = namespace(counting=Dict, table=SinglefileData, structure=_STRUCTURE)


@task.graph(
    outputs=namespace(
        counting=Dict,
        table=SinglefileData,
        structure=_STRUCTURE,
        samples=StructureBatchData,
        phases=StructureBatchData,
    )
)
def count(
    host: StructureBatchData,
    bare: StructureBatchData,
    phases: StructureBatchData,
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    plan: Annotated[dict[str, Any], PLAN],
    relaxing: Annotated[dict[str, Any], STAGE],
    competing: Annotated[dict[str, Any], STAGE],
    settings: Dict,
) -> dict[str, Any]:
    """Count the sites that a host misses; `build_count` makes the inputs.

    Parameters
    ----------
    host
        As it was given.
    bare
        The same as a sample, to be relaxed with nothing added.
    phases
        Competing phases, to be relaxed.
    hosts, chunks, plan
        Inputs of the restore graph: the host with 1, 2, ... sites.
    relaxing, competing
        Settings, identity, code and options for the bare host and for the phases.
    settings
        `CountingSettings`.

    Returns
    -------
    mapping
        See `rank_counts`; `samples` and `phases` are what it was given.
    """
    graph = get_current_graph()
    alone = graph.add_task(
        StageWorkChain, name="bare", stage=Str("relax_all"), structures=bare, **relaxing
    )
    others = graph.add_task(
        StageWorkChain, name="phases", stage=Str("phases"), structures=phases, **competing
    )
    restored = restore(hosts=hosts, chunks=chunks, plan=plan)
    ranked = task(outputs=_RANKED)(rank_counts)(
        host=host,
        bare=alone.outputs.structures,
        samples=restored.samples,
        phases=others.outputs.structures,
        settings=settings,
    )
    return {
        "counting": ranked.counting,
        "table": ranked.table,
        "structure": ranked.structure,
        "samples": restored.samples,
        "phases": others.outputs.structures,
    }


count._graph_class = DurableGraph


def build_count(
    host: StructureBatch | StructureData,
    element: str | None = None,
    n_max: int | None = None,
    settings: CountingSettings | None = None,
    *,
    phases: Sequence[str | Path | StructureBatch] = (),
    code: str | AbstractCode | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    chunk_sites: int = CHUNK_SITES,
    name: str = "count",
) -> WorkGraph:
    """A count WorkGraph that is ready for `submit()` or `run()`.

    Parameters
    ----------
    host, element, n_max, settings, phases
        As for `aiida_hpaint.science.counting.count_missing`.
    code, options
        Of the jobs, as for `build_restore`; phases are relaxed where `relax` runs.
    chunk_sites
        Sites of the hosts in one chunk, at most. Chunks run side by side.
    name
        Label of the process.

    Raises
    ------
    HostError
        If the host cannot be used, or no more sites fit.
    ValueError
        If anything is unknown, missing or out of its range, or the potential does not know an
        element (asked where this very Python relaxes).
    """
    settings = with_question(settings or CountingSettings(), element, n_max)
    one = read_hosts(host)
    hosts = StructureBatchData(trial_hosts(one, settings.element, settings.n_max))
    elements = elements_of(one, settings)
    competing = phase_batch(elements, phases, settings.packaged_phases)
    if competing is None:
        raise ValueError("there is no competing phase: give one of each element, with --phases")
    check_phases(elements, ({get_symbol(n) for n in p.numbers.tolist()} for p in competing))
    inputs = restore_inputs(hosts, settings.restoration, code, options, chunk_sites=chunk_sites)
    restoration = settings.restoration
    relaxing = borrow_relaxation(inputs["plan"], restoration.final_relaxation)
    if runs_here(relaxing["code"]):
        # Phases hold no other elements than the host and what it misses.
        get_potential(restoration.potential).card.check_elements(hosts.batch.numbers)
    graph = count.build(
        host=StructureBatchData(one),
        bare=StructureBatchData(bare_host(one)),
        phases=StructureBatchData(competing),
        **inputs,
        relaxing=relaxing,
        competing=borrow_relaxation(inputs["plan"], None),
        settings=Dict(settings.model_dump(mode="json")),
    )
    graph.name = name
    return graph
