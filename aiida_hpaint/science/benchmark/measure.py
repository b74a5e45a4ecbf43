"""Measurement of one host: restore it and compare the samples with the reference."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from aiida_hpaint.science.benchmark.collect import count_network_calls
from aiida_hpaint.science.benchmark.single_points import evaluate_single_points
from aiida_hpaint.science.benchmark.statistics.outcomes import describe_host
from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.diffusion.sampling.generators import get_generator
from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.restoration import relax_and_rank, relax_reference
from aiida_hpaint.science.settings import PotentialSettings, RestorationSettings
from aiida_hpaint.science.stages import propose_and_filter
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.primitive import choose_searches, expand_samples


def measure_host(
    index: int,
    host: StructureBatch,
    reference: StructureBatch,
    settings: RestorationSettings,
    relaxed: bool = True,
    potentials: Mapping[str, PotentialSettings] | None = None,
) -> HostRow:
    """Restore one host and return its row.

    Parameters
    ----------
    relaxed
        Whether samples are relaxed and ranked.
    potentials
        Other potentials that evaluate the relaxed structures, by their names in the row.

    Raises
    ------
    CheckpointError, PotentialError
        If a model or a potential cannot be loaded.
    """
    load_models(settings, relaxed, potentials or {})
    began = time.process_time()
    sampling = settings.require_sampling()
    searches = [generate(cell, sampling) for cell in choose_searches(host, settings.cell)]
    drawn = expand_samples(concatenate(searches), host)
    sampled = time.process_time()
    start = drawn
    if relaxed:
        searches = [
            propose_and_filter(one, settings.symmetry, settings.filter, sampling.use_parents)
            for one in searches
        ]
        start = expand_samples(concatenate(searches), host)
        samples = relax_and_rank(searches, settings, hosts=host)
    else:
        samples = _skip_relaxation(drawn)
    ended = time.process_time()
    target = relax_reference(reference, settings) if relaxed else None
    row = describe_host(
        index,
        reference,
        start,
        samples,
        target,
        seconds_sampling=sampled - began,
        seconds_relaxing=ended - sampled if relaxed else 0.0,
        network_calls=count_network_calls(samples),
        evaluations=sum(record.get("evaluations", 0) for record in samples.history),
    )
    if target is None or not potentials:
        return row
    found = {
        name: evaluate_single_points(samples, target, some) for name, some in potentials.items()
    }
    return row.model_copy(update={"potentials": found})


def load_models(
    settings: RestorationSettings,
    relaxed: bool = True,
    potentials: Mapping[str, PotentialSettings] | None = None,
) -> None:
    """Load models and potentials, so that no host is charged for the time that this takes."""
    sampling = settings.require_sampling()
    get_generator(sampling.generator).load(sampling)
    if relaxed:
        own = (settings.potential, settings.ranking_potential)
        for potential in (*own, *(potentials or {}).values()):
            get_potential(potential)


def _skip_relaxation(drawn: StructureBatch) -> StructureBatch:
    nothing = np.full(len(drawn), np.nan)
    return drawn.with_scalars(rank=np.full(len(drawn), -1), energy=nothing, energy_sampled=nothing)
