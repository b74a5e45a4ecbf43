"""WorkGraph that restores a host with every number of sites, and ranks the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from aiida.orm import AbstractCode, Dict, SinglefileData, Str, StructureData
from aiida_workgraph import WorkGraph, dynamic, get_current_graph, namespace, task
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.counting import rank_counts
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.counting.phases import (
    check_elemental_phases,
    list_elements,
    make_phase_batch,
)
from aiida_hpaint.science.counting.restorations import make_bare_host, make_hosts_by_count
from aiida_hpaint.science.counting.settings import CountingSettings, override_settings
from aiida_hpaint.science.relaxation import get_potential
from aiida_hpaint.science.settings import CHUNK_SITES
from aiida_hpaint.science.structures import StructureBatch, read_hosts
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.workflows.engine.codes import runs_this_python
from aiida_hpaint.workflows.engine.durable import durable_graph
from aiida_hpaint.workflows.restore.build import make_relaxation_inputs, make_restore_inputs
from aiida_hpaint.workflows.restore.chunks import RANKED, STAGE
from aiida_hpaint.workflows.restore.graph import RESTORE_PLAN, restore
from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = ["build_count", "restore_and_count"]

_STRUCTURE = Annotated[StructureData, SocketMeta(required=False)]
_RANKED = namespace(counting=Dict, table=SinglefileData, structure=_STRUCTURE)


@durable_graph(
    outputs=namespace(
        counting=Dict,
        table=SinglefileData,
        structure=_STRUCTURE,
        samples=StructureBatchData,
        phases=StructureBatchData,
        summary=RANKED["summary"],
        reports=RANKED["reports"],
        part_reports=dynamic(Dict),
    )
)
def restore_and_count(
    host: StructureBatchData,
    bare: StructureBatchData,
    phases: StructureBatchData,
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    plan: Annotated[dict[str, Any], RESTORE_PLAN],
    relaxing: Annotated[dict[str, Any], STAGE],
    competing: Annotated[dict[str, Any], STAGE],
    settings: Dict,
) -> dict[str, Any]:
    """Restore a host with every number of sites and rank them; see `build_count` for the inputs.

    Parameters
    ----------
    host
        Host as it was given.
    bare
        Host without added sites, as a sample to relax.
    phases
        Competing phases to relax.
    hosts, chunks, plan
        Inputs of the restore graph: the host with 1, 2, ... sites.
    relaxing, competing
        Settings, identity, code and options for the bare host and for the phases.
    settings
        `CountingSettings`.

    Returns
    -------
    mapping
        Outputs of `rank_counts`; its inputs `samples` and `phases`; `summary` and `reports` of the
        restoration; `part_reports` of the stages `bare` and `phases`. What fails is left out of the
        ranking.
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
        "summary": restored.summary,
        "reports": restored.reports,
        "part_reports": {"bare": alone.outputs.report, "phases": others.outputs.report},
    }


def build_count(
    host: StructureBatch | StructureData,
    element: str | None = None,
    n_max: int | None = None,
    settings: CountingSettings | None = None,
    *,
    phases: Sequence[str | Path | StructureBatch] = (),
    code: str | AbstractCode | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    upload_model: bool = False,
    upload_potential: bool = False,
    chunk_sites: int = CHUNK_SITES,
    name: str = "restore_and_count",
) -> WorkGraph:
    """Build a WorkGraph that is ready for `submit()` or `run()`.

    Parameters
    ----------
    host, element, n_max, settings, phases
        See `aiida_hpaint.science.counting.estimate_missing_count`.
    code, options, upload_model, upload_potential
        Codes, options and files of the jobs, as for `build_restore`; those of `relax` also relax
        phases.
    chunk_sites
        Largest number of sites in a chunk of hosts. Chunks run in parallel.
    name
        Label of the process.

    Raises
    ------
    HostError
        If the host cannot be used, or no more sites fit.
    ValueError
        If an input is unknown, missing or out of range, or the potential does not support an
        element (checked only if jobs run with this Python).
    """
    settings = override_settings(settings or CountingSettings(), element, n_max)
    one = read_hosts(host, settings=settings.restoration.hosts)
    hosts = StructureBatchData(make_hosts_by_count(one, settings.element, settings.n_max))
    competing = _find_competing_phases(one, phases, settings)
    inputs = make_restore_inputs(
        hosts,
        settings.restoration,
        code,
        options,
        upload_model=upload_model,
        upload_potential=upload_potential,
        chunk_sites=chunk_sites,
    )
    restoration = settings.restoration
    relaxing = make_relaxation_inputs(inputs["plan"], restoration.final_relaxation)
    if runs_this_python(relaxing["code"]):
        # Phases contain only elements of the host and the missing one.
        get_potential(restoration.ranking_potential).card.check_elements(hosts.batch.numbers)
    graph = restore_and_count.build(
        host=StructureBatchData(one),
        bare=StructureBatchData(make_bare_host(one)),
        phases=StructureBatchData(competing),
        **inputs,
        relaxing=relaxing,
        competing=make_relaxation_inputs(inputs["plan"], None),
        settings=Dict(settings.model_dump(mode="json")),
    )
    graph.name = name
    return graph


def _find_competing_phases(
    host: StructureBatch, phases: Sequence[str | Path | StructureBatch], settings: CountingSettings
) -> StructureBatch:
    """Return the phases that the host competes with, at least one of each of its elements."""
    elements = list_elements(host, settings)
    competing = make_phase_batch(elements, phases, settings.packaged_phases)
    if competing is None:
        raise ValueError("there is no competing phase: give one of each element, with --phases")
    check_elemental_phases(
        elements, ({get_symbol(n) for n in p.numbers.tolist()} for p in competing)
    )
    return competing
