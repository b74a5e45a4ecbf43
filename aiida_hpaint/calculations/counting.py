"""Calcfunction that ranks the numbers of missing sites."""

from __future__ import annotations

import io
from typing import Any

from aiida.engine import calcfunction
from aiida.orm import Dict, SinglefileData, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData, to_structure
from aiida_hpaint.science.counting.phases import collect_phases, list_lost_phases
from aiida_hpaint.science.counting.ranking import rank_site_counts
from aiida_hpaint.science.counting.restorations import RestorationsByCount
from aiida_hpaint.science.counting.results import format_counts_csv
from aiida_hpaint.science.counting.settings import CountingSettings

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
        `counting` (Dict, see `CountingResult.as_json`), `table` (a CSV file with one line for
        each number) and `structure`: the lowest candidate with the likeliest number of sites.
    """
    chosen = CountingSettings.model_validate(settings.get_dict())
    restorations = RestorationsByCount(bare.batch, samples.batch)
    found, lost = collect_phases(phases.batch), list_lost_phases(phases.batch)
    counting = rank_site_counts(host.batch, restorations, found, chosen, lost)
    outputs = {
        "counting": Dict(counting.as_json()),
        "table": SinglefileData(
            io.BytesIO(format_counts_csv(counting.as_json()).encode()), filename=COUNTS_FILENAME
        ),
    }
    best = restorations.get_lowest(counting.best.count)
    if best is not None:
        structure: StructureData = to_structure(best)
        outputs["structure"] = structure
    return outputs
