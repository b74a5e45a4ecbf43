"""Checks of a structure that density-functional theory restored, as those of other answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict, StructureData

from aiida_hpaint.data.structure_batch import read_structure
from aiida_hpaint.science.plausibility.check_answers import check_answers
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.status import SampleStatus

__all__ = ["check_restored", "read_restored"]


def read_restored(structure: StructureData, host: StructureBatch) -> StructureBatch:
    """Return a restored structure with what is known of its host, and checked.

    Its metadata say under `checks` what `failed`, and what the `notices` are; the scalar `passes`
    is False if anything failed.

    Parameters
    ----------
    structure
        Sites of the host, and those inserted after them.
    host
        The host, with or without the sites to insert; with its budget, that is checked too.
    """
    found = read_structure(structure)
    inserted = np.arange(found.n_sites) >= int((~host.inserted).sum())
    answer = replace(found, labels=host.labels, inserted=inserted, metadata=host.metadata)
    answer = replace(answer, scalars={}).with_scalars(
        host=[0], status=[SampleStatus.CONVERGED.value], max_force=[np.nan]
    )
    alone = replace(host, scalars={})
    return check_answers(answer, alone, np.array([True]), CheckSettings())


@calcfunction
def check_restored(structure: StructureData, host: StructureData) -> Dict:
    """Return what checks of a restored structure found: `failed` and `notices`."""
    return Dict(read_restored(structure, read_structure(host)).metadata[0]["checks"])
