"""The stage `search`, as the recipe knows it: the search itself is imported when it runs."""

from __future__ import annotations

from aiida_hpaint.science.search.inputs import SearchInputs
from aiida_hpaint.science.stages import StageResult, StageTools
from aiida_hpaint.science.structures.batch import StructureBatch


def search_hosts(
    name: str, samples: StructureBatch, inputs: SearchInputs, tools: StageTools
) -> StageResult:
    """Make new arrangements, in rounds, for each host whose lowest one is not sure.

    Adds the scalars `round` (0 before the search), `found` (number of independent samples that
    ended in the same arrangement) and `repeats` (number of other samples that did, symmetrised
    ones left out), and samples of origins that `search.moves` lists. A host's result depends on
    its own samples alone. A round that the deadline ends is dropped, and made
    again when the stage is resumed: a sample of each host that goes on is marked as unfinished.
    """
    from aiida_hpaint.science.search.run import run_search

    return StageResult(run_search(name, samples, inputs, tools))
