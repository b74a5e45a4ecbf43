"""collect_rows: the rows of a benchmark whose hosts were restored elsewhere, all together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_hpaint.science.benchmark.statistics.outcomes import describe_host
from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.diffusion.sampling.generators import get_generator
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.sample_origin import GENERATED

SAMPLING = "sample"


def collect_rows(
    references: StructureBatch,
    start: StructureBatch,
    samples: StructureBatch,
    targets: StructureBatch,
    indices: Sequence[int],
) -> list[HostRow]:
    """One row a host, as `measure` would make it.

    Times are not those of a core: each stage's seconds by the clock, of all its jobs, shared among
    hosts by their sites and the evaluations of their samples.

    Parameters
    ----------
    references
        H complete structures, sites that were taken out marked as inserted.
    start, samples
        Samples of all hosts before any relaxation and at the end, in any order; the scalars `host`
        and `sample` say which they are.
    targets
        The references, relaxed; `host` says which they are.
    indices : (H,)
        What the rows call them.
    """
    start, samples = _sorted(start), _sorted(samples)
    targets = targets[np.argsort(targets.scalars["host"], kind="stable")]
    hosts, steps = samples.scalars["host"], samples.scalars["steps"]
    seconds = _seconds(samples)
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
    """Evaluations of the network behind some samples, one by one; proposals have none."""
    record = next((record for record in samples.history if record.get("stage") == SAMPLING), None)
    if record is None:
        return 0
    settings = SamplingSettings.model_validate(record["settings"])
    once = get_generator(settings.generator).count_evaluations(settings)
    everything = np.ones(len(samples), dtype=np.int64)
    drawn = samples.scalars.get("origin", np.full(len(samples), GENERATED)) == GENERATED
    return once * int(samples.scalars.get("draws", everything)[drawn].sum())


def _sorted(samples: StructureBatch) -> StructureBatch:
    return samples[np.lexsort((samples.scalars["sample"], samples.scalars["host"]))]


def _seconds(samples: StructureBatch) -> dict[str, float]:
    """By the clock, for sampling and for all that is done with a potential."""
    spent = {SAMPLING: 0.0, "relax": 0.0}
    for record in samples.history:
        stage = SAMPLING if record.get("stage") == SAMPLING else "relax"
        spent[stage] += float(record.get("seconds") or 0.0)
    return spent
