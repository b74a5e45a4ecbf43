"""The calcfunctions that make samples of what potentials offer."""

from __future__ import annotations

from aiida.engine import calcfunction
from aiida.orm import Bool, Str, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData, to_structure
from aiida_hpaint.science.electrostatics.seeds import join_seeds
from aiida_hpaint.science.structures.batch import concatenate
from aiida_hpaint.science.structures.fate import Fate
from aiida_hpaint.science.structures.insertion import remove_inserted

__all__ = ["bare_structure", "collect_seeds", "take_seeds"]


@calcfunction
def bare_structure(host: StructureBatchData) -> StructureData:
    """The one host of a batch without the sites that are to be inserted."""
    return to_structure(remove_inserted(host.batch))


@calcfunction
def take_seeds(
    host: StructureBatchData, reason: Str, arrangements: StructureBatchData | None = None
) -> StructureBatchData:
    """Samples of the one host of a batch: see `join_seeds`.

    Without arrangements it is one that failed, for that reason.
    """
    found = None if arrangements is None else arrangements.batch
    return StructureBatchData(join_seeds([found], host.batch, [reason.value]))


@calcfunction
def collect_seeds(to_refine: Bool, **seeds: StructureBatchData) -> StructureBatchData:
    """The seeds of all hosts as one batch.

    Those that are to be refined are guesses of a generator: hosts without any are left out.
    """
    batch = concatenate([seeds[key].batch for key in sorted(seeds)])
    alive = batch.scalars["fate"] == Fate.SAMPLED.value
    return StructureBatchData(batch[alive.nonzero()[0]] if to_refine and alive.any() else batch)
