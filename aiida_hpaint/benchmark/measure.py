"""measure: restore one host and compare what comes of it with the reference."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula

from aiida_hpaint.benchmark.duplicates import stands_for
from aiida_hpaint.diffusion import generate
from aiida_hpaint.diffusion.checkpoints import load_model
from aiida_hpaint.diffusion.schedule import evaluations, path_of
from aiida_hpaint.evaluation import compare, host_matches
from aiida_hpaint.evaluation.benchmark.rows import (
    WITH_NONMETAL,
    WITHOUT_NONMETAL,
    HostRow,
    SampleRow,
)
from aiida_hpaint.relaxation import relax
from aiida_hpaint.relaxation.potentials import get_potential
from aiida_hpaint.restoration import relax_and_rank
from aiida_hpaint.settings import RestorationSettings, SamplingSettings
from aiida_hpaint.structures.batch import StructureBatch
from aiida_hpaint.structures.fate import RELAXED, Fate

NONMETALS = (6, 7, 8, 16)

ENDED = frozenset({*RELAXED, Fate.OUTCLASSED, Fate.DUPLICATE})
"""Fates whose energy, where there is one, means something."""


def measure(
    index: int,
    host: StructureBatch,
    reference: StructureBatch,
    settings: RestorationSettings,
    relaxed: bool = True,
) -> HostRow:
    """The row of one host; see `HostRow` for what is in it. Not `relaxed`, samples are as drawn.

    Raises
    ------
    CheckpointError, PotentialError
        If the model or the potential cannot be had.
    """
    _load(settings, relaxed)
    began = time.process_time()
    drawn = generate(host, settings.sampling)
    sampled = time.process_time()
    samples = relax_and_rank(drawn, settings) if relaxed else _as_drawn(drawn)
    ended = time.process_time()
    target, target_unrelaxed = _reference_energies(reference, settings) if relaxed else (None, None)
    same_as = stands_for(drawn, samples)
    return HostRow(
        index=index,
        label=reference.labels[0],
        formula=str(Formula.from_list([chemical_symbols[n] for n in host.numbers]).format("hill")),
        chemistry=_chemistry(host),
        sites=int(host.site_counts[0]),
        inserted=int(host.insert_counts[0]),
        reference_energy=target,
        reference_energy_unrelaxed=target_unrelaxed,
        seconds_sampling=sampled - began,
        seconds_relaxing=ended - sampled if relaxed else 0.0,
        network_calls=_network_calls(drawn),
        evaluations=sum(record.get("evaluations", 0) for record in samples.history),
        samples=tuple(
            _sample_row(drawn[i], samples[i], reference, target, same_as[i])
            for i in range(len(samples))
        ),
    )


def _load(settings: RestorationSettings, relaxed: bool) -> None:
    """Have model and potential at hand, so that loading them counts for no host."""
    sampling = settings.sampling
    if sampling.generator != "random":
        load_model(sampling.generator, sampling.device, sampling.precision)
    if relaxed:
        get_potential(settings.potential)


def _as_drawn(drawn: StructureBatch) -> StructureBatch:
    nothing = np.full(len(drawn), np.nan)
    return drawn.with_scalars(rank=np.full(len(drawn), -1), energy=nothing, energy_sampled=nothing)


def _reference_energies(
    reference: StructureBatch, settings: RestorationSettings
) -> tuple[float | None, float | None]:
    """eV, after and before a relaxation as the candidates'."""
    start = reference.with_scalars(host=[0], sample=[0], fate=[Fate.SAMPLED.value])
    target = relax(start, settings.relax_all, settings.potential)
    first = _finite(target.scalars["energy_sampled"][0])
    ended = Fate(target.scalars["fate"][0]) in RELAXED
    return (_finite(target.scalars["energy"][0]) if ended else None), first


def _sample_row(
    drawn: StructureBatch,
    sample: StructureBatch,
    reference: StructureBatch,
    target: float | None,
    same_as: int,
) -> SampleRow:
    scalars = {name: values[0].item() for name, values in sample.scalars.items()}
    energy = _finite(scalars["energy"]) if Fate(scalars["fate"]) in ENDED else None
    values: dict[str, Any] = _compared(drawn, reference, "_unrelaxed") if drawn.placed[0] else {}
    if energy is not None:
        values |= _compared(sample, reference, "")
        values["host_match"] = host_matches(sample, reference)
        if target is not None:
            values["energy_difference"] = (energy - target) / int(sample.site_counts[0])
    return SampleRow(
        sample=scalars["sample"],
        fate=str(Fate(scalars["fate"])),
        same_as=same_as,
        rank=scalars["rank"],
        energy=energy,
        energy_sampled=_finite(scalars["energy_sampled"]),
        **values,
    )


def _compared(sample: StructureBatch, reference: StructureBatch, suffix: str) -> dict[str, Any]:
    found = compare(sample, reference)
    inserted = float(np.sqrt((found.site_distances**2).mean()))
    values = {"match": found.match, "rmsd": found.rmsd, "rmsd_inserted": inserted}
    values["worst_inserted"] = float(found.site_distances.max())
    return {f"{name}{suffix}": value for name, value in values.items()}


def _chemistry(host: StructureBatch) -> str:
    others = host.numbers[~host.inserted]
    return WITH_NONMETAL if np.isin(others, NONMETALS).any() else WITHOUT_NONMETAL


def _network_calls(drawn: StructureBatch) -> int:
    settings = SamplingSettings.model_validate(drawn.history[-1]["settings"])
    if settings.generator == "random":
        return 0
    return len(drawn) * evaluations(path_of(settings), settings.corrector_steps or 0)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
