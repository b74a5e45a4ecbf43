"""Inputs of the benchmark WorkGraph from references and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from aiida.orm import AbstractCode, Dict, Int, Str
from aiida_workgraph import WorkGraph

from aiida_hpaint import __version__
from aiida_hpaint.calculations.benchmark import prepare_references, remove_element
from aiida_hpaint.calculations.split_and_join import split_hosts
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.benchmark.references import References
from aiida_hpaint.science.settings import CHUNK_SITES, RestorationSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.workflows.benchmark.graph import benchmark
from aiida_hpaint.workflows.restore.build import make_relaxation_inputs, make_restore_inputs

__all__ = ["build_benchmark"]


def build_benchmark(
    references: References | StructureBatch | StructureBatchData,
    settings: RestorationSettings,
    *,
    element: str = "H",
    code: str | AbstractCode | Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    upload_model: bool = False,
    upload_potential: bool = False,
    chunk_sites: int = CHUNK_SITES,
    name: str = "benchmark",
) -> WorkGraph:
    """Build a benchmark WorkGraph that is ready for `submit()` or `run()`.

    Parameters
    ----------
    references
        Complete structures, all with the element and another one, or the result of
        `read_references`.
    settings
        Settings of the restorations; references are relaxed like the stage `relax_all`.
    element
        Element that is removed and restored; References have their own.
    code, options, upload_model, upload_potential, chunk_sites
        See `aiida_hpaint.workflows.restore.build.build_restore`.
    name
        Label of the process.

    Raises
    ------
    HostError
        If a structure does not have the element, or has no other element.
    ValueError
        If a setting, code or option is unknown, missing or out of its range.
    """
    node, asked = _prepare_source(references, element)
    removed = remove_element(node, Str(asked["element"]))
    hosts, complete = removed["hosts"], removed["complete"]
    inputs = make_restore_inputs(
        hosts,
        settings,
        code,
        options,
        upload_model=upload_model,
        upload_potential=upload_potential,
        chunk_sites=chunk_sites,
    )
    starts = split_hosts(prepare_references(complete), Int(chunk_sites))
    values = settings.model_dump(mode="json")
    graph = benchmark.build(
        complete=complete,
        incomplete=hosts,
        chunks=inputs["chunks"],
        starts=starts,
        plan=inputs["plan"],
        reference_plan=make_relaxation_inputs(inputs["plan"], settings.final_relaxation),
        settings=Dict({"version": __version__, **asked, "settings": values, "relaxed": True}),
    )
    graph.name = name
    return graph


def _prepare_source(
    references: References | StructureBatch | StructureBatchData, element: str
) -> tuple[StructureBatchData, dict[str, Any]]:
    """Return the node of the references, and their source for the settings node."""
    if isinstance(references, References):
        batch = references.complete
        plain = replace(batch, inserted=np.zeros(batch.n_sites, dtype=bool))
        asked = {**references.source, "indices": references.indices.tolist()}
        return StructureBatchData(plain), {**asked, "hosts": len(batch)}
    node = references
    if isinstance(node, StructureBatch):
        node = StructureBatchData(node)
    count = len(node)
    return node, {"element": element, "indices": list(range(count)), "hosts": count}
