"""Calcfunctions that turn arrangements at maxima of potentials into samples."""

from __future__ import annotations

from aiida.engine import calcfunction
from aiida.orm import Bool, Dict, Str, StructureData

from aiida_hpaint.calculations.outcomes import MARKED
from aiida_hpaint.data.structure_batch import StructureBatchData, to_structure
from aiida_hpaint.science.electrostatics.starting_points import join_starting_points
from aiida_hpaint.science.settings import FilterSettings, SymmetrySettings
from aiida_hpaint.science.stages import start_from_guesses
from aiida_hpaint.science.structures.batch import concatenate
from aiida_hpaint.science.structures.insertion import remove_inserted
from aiida_hpaint.science.structures.status import SampleStatus

__all__ = [
    "begin_with_guesses",
    "collect_starting_points",
    "strip_inserted_sites",
    "take_starting_points",
]


@calcfunction
def begin_with_guesses(hosts: StructureBatchData, settings: Dict) -> StructureBatchData:
    """Return guesses of the inserted sites as samples, which no stage has to sample.

    Parameters
    ----------
    hosts
        Hosts with positions for their inserted sites; several may be of one host.
    settings
        `symmetry` and `filter`: what to propose beside the guesses, and how to filter them.
    """
    symmetry = SymmetrySettings.model_validate(settings["symmetry"])
    filtering = FilterSettings.model_validate(settings["filter"])
    return StructureBatchData(start_from_guesses(hosts.batch, symmetry, filtering))


@calcfunction
def strip_inserted_sites(host: StructureBatchData) -> StructureData:
    """Return the only host of a batch without the sites to insert."""
    return to_structure(remove_inserted(host.batch))


@calcfunction
def take_starting_points(
    host: StructureBatchData, reason: Str, arrangements: StructureBatchData | None = None
) -> StructureBatchData:
    """Make samples of the only host of a batch; see `join_starting_points`.

    Without arrangements there is one sample, which failed for the given reason; its host counts as
    failed, so that it is repeated.
    """
    found = None if arrangements is None else arrangements.batch
    samples = join_starting_points([found], host.batch, [reason.value])
    if found is None:
        samples = samples.with_history({"stage": MARKED, "reason": reason.value})
    return StructureBatchData(samples)


@calcfunction
def collect_starting_points(
    to_refine: Bool, **starting_points: StructureBatchData
) -> StructureBatchData:
    """Collect the starting points of all hosts in one batch.

    If a generator is to refine them, hosts without any are left out.
    """
    batch = concatenate([starting_points[key].batch for key in sorted(starting_points)])
    alive = batch.scalars["status"] == SampleStatus.SAMPLED.value
    return StructureBatchData(batch[alive.nonzero()[0]] if to_refine and alive.any() else batch)
