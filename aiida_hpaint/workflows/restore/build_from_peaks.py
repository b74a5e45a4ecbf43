"""build_restore_from_peaks: build the WorkGraph that restores from maxima of potentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida.orm import AbstractCode, Dict, Int
from aiida_workgraph import WorkGraph

from aiida_hpaint.calculations.split_and_join import split_hosts
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.electrostatics.starting_points import check_one_element
from aiida_hpaint.science.protocols import choose_settings, load_protocol, merge_settings
from aiida_hpaint.science.settings import CHUNK_SITES, RestorationSettings, RestoreHydrogenSettings
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.workflows.dft.codes import find_espresso_codes
from aiida_hpaint.workflows.dft.families import pick_family
from aiida_hpaint.workflows.dft.inputs import make_pw_options
from aiida_hpaint.workflows.engine.options import add_saved_options
from aiida_hpaint.workflows.restore.build import (
    ByStage,
    cut_into_chunks,
    get_dft_value,
    make_stage_plan,
)
from aiida_hpaint.workflows.restore.graph_from_peaks import restore_from_peaks
from aiida_hpaint.workflows.restore.host_nodes import Hosts, make_host_node
from aiida_hpaint.workflows.restore.overrides import override_stages, split_restore_overrides
from aiida_hpaint.workflows.restore_hydrogen.builder import load_hydrogen_settings

__all__ = ["build_restore_from_peaks"]


def build_restore_from_peaks(
    hosts: Hosts,
    *,
    add: str | Mapping[str, int] | None = None,
    protocol: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    settings: RestorationSettings | None = None,
    dft_protocol: str | None = None,
    dft_overrides: Mapping[str, Any] | None = None,
    starting_points: int = 10,
    code: str | AbstractCode | ByStage | None = None,
    pw: str | AbstractCode | None = None,
    pp: str | AbstractCode | None = None,
    options: ByStage | None = None,
    upload_model: bool = False,
    upload_potential: bool = False,
    chunk_sites: int = CHUNK_SITES,
    nested: Mapping[str, Any] | None = None,
    name: str = "restore from peaks",
) -> WorkGraph:
    """Build a restoration from potential maxima that is ready for `submit()` or `run()`.

    pw.x and pp.x compute the electrostatic potential of each host; sites are inserted at its
    maxima, and the stages that follow are those of `build_restore`.

    Parameters
    ----------
    hosts, add, protocol, overrides, settings, nested, code, chunk_sites
        See `build_restore`. With a `sampling.start_time` below 1 the generator samples
        `sampling.samples` structures around each starting point.
    dft_protocol, dft_overrides
        Of the potential and its maxima: see `hydrogen_settings`.
    starting_points
        Largest number of arrangements per host; those of lowest pinball energy are used.
    pw, pp
        Codes; without them those that `aiida-hpaint setup dft` makes.
    options
        `metadata.options` of the jobs for `sample`, `relax` and `dft`.
    upload_model, upload_potential
        See `build_restore`.
    name
        Label of the process.

    Raises
    ------
    HostError
        If a StructureData cannot serve as a host.
    ValueError
        If a value is unknown, missing or out of its range.
    """
    given, found = split_restore_overrides(overrides)
    settings = choose_settings(settings, load_protocol, protocol, given)
    _check(settings)
    keep = {"pinball": {"keep": starting_points}}
    search = load_hydrogen_settings(dft_protocol, merge_settings(dict(dft_overrides or {}), keep))
    node = make_host_node(hosts, add, settings.hosts)
    check_one_element(node.batch)
    peak_search = _peak_search(node, search, get_dft_value(code) or pw, pp, get_dft_value(options))
    if settings.sampling is not None and settings.sampling.start_time >= 1:
        settings = settings.model_copy(update={"sampling": None})
    plan = make_stage_plan(settings, code, options, upload_model, upload_potential)
    override_stages(plan, {**(nested or {}), **found})
    graph = restore_from_peaks.build(
        hosts=node,
        chunks=cut_into_chunks(node, chunk_sites),
        singles=split_hosts(node, Int(1)),
        peak_search=peak_search,
        plan=plan,
    )
    graph.name = name
    return graph


def _check(settings: RestorationSettings) -> None:
    if settings.sampling is not None and settings.sampling.record:
        raise ValueError("sampling.record is for samples that start from noise: leave it out")
    if settings.validation is not None:
        raise ValueError("a validation is not part of this: use `build_validate` on its samples")


def _peak_search(
    hosts: StructureBatchData,
    settings: RestoreHydrogenSettings,
    pw: str | AbstractCode | None,
    pp: str | AbstractCode | None,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    codes = dict(zip(("pw", "pp"), find_espresso_codes(pw, pp), strict=True))
    jobs = make_pw_options(codes["pw"], add_saved_options(codes["pw"], options))
    known = hosts.batch.numbers[~hosts.batch.inserted]
    pick_family(settings.dft, [get_symbol(number) for number in np.unique(known).tolist()])
    values = Dict(settings.model_dump(mode="json"))
    return {"settings": values, "options": Dict(jobs), **codes}
