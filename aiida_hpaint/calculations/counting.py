"""What counts missing sites between the jobs."""

from __future__ import annotations

import io
from typing import Any

from aiida.engine import calcfunction
from aiida.orm import Dict, SinglefileData, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData, to_structure
from aiida_hpaint.science.counting.counted import counts_csv
from aiida_hpaint.science.counting.phases import phases_of
from aiida_hpaint.science.counting.ranking import assess
from aiida_hpaint.science.counting.settings import CountingSettings
from aiida_hpaint.science.counting.trials import Trials

__all__ = ["rank_counts"]

COUNTS_FILENAME = "counts.csv"


@calcfunction
def rank_counts(
    host: StructureBatchData,
    bare: StructureBatchData,
    samples: StructureBatchData,
    phases: StructureBatchData,
    settings: Dict,
) -> dict[str, Any]:
    """Rank the numbers of sites that a host may miss.

    Returns
    -------
    mapping
        `counting` (Dict, see `Counting.as_json`), `table` (a CSV file, one line a number) and
        `structure`: the lowest candidate with the likeliest number of sites.
    """
    chosen = CountingSettings.model_validate(settings.get_dict())
    trials = Trials(bare.batch, samples.batch)
    counting = assess(host.batch, trials, phases_of(phases.batch), chosen)
    found = {
        "counting": Dict(counting.as_json()),
        "table": SinglefileData(
            io.BytesIO(counts_csv(counting.as_json()).encode()), filename=COUNTS_FILENAME
        ),
    }
    best = trials.lowest(counting.best.count)
    if best is not None:
        structure: StructureData = to_structure(best)
        found["structure"] = structure
    return found
