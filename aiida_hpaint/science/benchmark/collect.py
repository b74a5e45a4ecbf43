"""Rows of a benchmark from samples of all hosts that jobs have restored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_hpaint.science.benchmark.statistics.outcomes import describe_host
from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.diffusion.sampling.generators import get_generator
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.sample_origin import GENERATED, INPAINTED

SAMPLING = "sample"
"""Name of the sampling stage in the history of samples."""


def collect_rows(
    references: StructureBatch,
    start: StructureBatch,
    samples: StructureBatch,
    targets: StructureBatch,
    indices: Sequence[int],
) -> list[HostRow]:
    """Return one row per host, as `measure_host` would.

    Times are wall times of the jobs of each stage, not CPU times. They are divided among hosts in
    proportion to sites (sampling) or to sites times evaluations (relaxation).

    Parameters
    ----------
    references
        H complete structures; removed sites are marked as inserted.
    start, samples
        Samples of all hosts before any relaxation and at the end, in any order, with the scalars
        `host` and `sample`.
    targets
        Relaxed references with the scalar `host`.
    indices : (H,)
        Indices of the references in the rows.
    """
    start, samples = _sort_by_host(start), _sort_by_host(samples)
    targets = targets[np.argsort(targets.scalars["host"], kind="stable")]
    hosts, steps = samples.scalars["host"], samples.scalars["steps"]
    seconds = _sum_seconds(samples)
    work = {
        SAMPLING: np.bincount(start.scalars["host"], start.site_counts, len(references)),
        "relax": np.bincount(hosts, steps * samples.site_counts, len(references)),
    }
    rows = []
    for host, index in enumerate(indices):
        of_host = np.flatnonzero(hosts == host)
        share = {stage: float(w[host] / max(w.sum(), 1.0)) for stage, w in work.items()}
        rows.append(
            describe_host(
                index,
                references[host],
                start[of_host],
                samples[of_host],
                targets[host],
                seconds_sampling=share[SAMPLING] * seconds[SAMPLING],
                seconds_relaxing=share["relax"] * seconds["relax"],
                network_calls=count_network_calls(samples[of_host]),
                evaluations=int(steps[of_host].sum()),
            )
        )
    return rows


def count_network_calls(samples: StructureBatch) -> int:
    """Count the evaluations of the network for some samples; proposals need none."""
    record = next((record for record in samples.history if record.get("stage") == SAMPLING), None)
    if record is None:
        return 0
    settings = SamplingSettings.model_validate(record["settings"])
    once = get_generator(settings.generator).count_evaluations(settings)
    everything = np.ones(len(samples), dtype=np.int64)
    origins = samples.scalars.get("origin", np.full(len(samples), GENERATED))
    drawn = np.isin(origins, (GENERATED, INPAINTED))
    return once * int(samples.scalars.get("draws", everything)[drawn].sum())


def _sort_by_host(samples: StructureBatch) -> StructureBatch:
    return samples[np.lexsort((samples.scalars["sample"], samples.scalars["host"]))]


def _sum_seconds(samples: StructureBatch) -> dict[str, float]:
    """Sum up wall times of sampling and of all stages that use a potential, seconds."""
    spent = {SAMPLING: 0.0, "relax": 0.0}
    for record in samples.history:
        stage = SAMPLING if record.get("stage") == SAMPLING else "relax"
        spent[stage] += float(record.get("seconds") or 0.0)
    return spent
