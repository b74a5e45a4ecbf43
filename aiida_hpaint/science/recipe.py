"""The recipe of a restoration: its stages in order, and what is selected after each of them.

This is the one place that knows the stages. `science.restoration` loops over `STAGES` in plain
Python; the jobs, the WorkGraphs, progress, status, export and the documentation read them. A stage
is added by a field of `RestorationSettings`, a function in `science.stages` and an entry of
`STAGES`, and turned off by setting its field to null.

Two rules make both paths the same. The inputs of a stage are made from the settings here, by
`plan_stages`, and are all that it knows. What is selected after a stage is selected at the start of
the next one, because a stage may need several jobs, and is over only when the last of them is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from aiida_hpaint.science.search import SearchInputs, search_hosts
from aiida_hpaint.science.settings import (
    PotentialSettings,
    RelaxationSettings,
    RestorationSettings,
    SamplingSettings,
    SearchSettings,
    Settings,
)
from aiida_hpaint.science.stages import (
    FinishInputs,
    RelaxationInputs,
    SamplingInputs,
    Selection,
    StageResult,
    StageTools,
    relax_samples,
    rerank_samples,
    sample_hosts,
    score_samples,
)
from aiida_hpaint.science.structures.batch import StructureBatch

__all__ = [
    "STAGES",
    "Stage",
    "find_stage",
    "plan_finish",
    "plan_stages",
    "run_stage",
]


@dataclass(frozen=True)
class Stage:
    """One stage of the recipe.

    Attributes
    ----------
    name
        Name in graphs, labels, history and reports.
    title
        What people read while it runs.
    about
        What it does, in one sentence.
    field
        Field of `RestorationSettings` that configures the stage; null there turns it off.
    kind
        Which code and scheduler options its jobs use.
    inputs
        Class of its inputs.
    make_inputs
        Make the inputs from all settings, the stage's own, and the selection to begin with; None
        where other settings turn the stage off.
    run
        Run the stage: called with its name, structures, inputs and tools.
    select
        Make the selection among its results from the settings; None where all of them go on.
    adds_samples
        Whether its results may hold samples that were not among its structures.
    """

    name: str
    title: str
    about: str
    field: str
    kind: Literal["sample", "relax"]
    inputs: type[Settings]
    make_inputs: Callable[[RestorationSettings, Any, Selection | None], Settings | None]
    run: Callable[[str, StructureBatch, Any, StageTools], StageResult]
    select: Callable[[RestorationSettings], Selection] | None = None
    adds_samples: bool = False


def plan_stages(settings: RestorationSettings) -> dict[str, Settings]:
    """Return the inputs of the stages that are on, by name and in order.

    The selection of a stage that is off is made by nobody; the one after the last stage would
    only hide candidates, so that it is not made either.
    """
    plan: dict[str, Settings] = {}
    select: Selection | None = None
    for stage in STAGES:
        own = getattr(settings, stage.field)
        inputs = None if own is None else stage.make_inputs(settings, own, select)
        if inputs is not None:
            plan[stage.name] = inputs
            select = None if stage.select is None else stage.select(settings)
    return plan


def plan_finish(settings: RestorationSettings) -> FinishInputs:
    """Return the inputs of `finish_restoration`, after all stages."""
    return FinishInputs(checks=settings.checks, refine=settings.symmetry.refine)


def find_stage(name: str) -> Stage:
    """Return the stage of a name.

    Raises
    ------
    ValueError
        If the recipe has no such stage.
    """
    for stage in STAGES:
        if stage.name == name:
            return stage
    names = ", ".join(stage.name for stage in STAGES)
    raise ValueError(f"the recipe has no stage {name!r}: its stages are {names}")


def run_stage(
    name: str, structures: StructureBatch, inputs: Settings, tools: StageTools | None = None
) -> StageResult:
    """Run one stage.

    Parameters
    ----------
    name
        Name of the stage.
    structures
        Hosts for the sampling stage, samples for all others. Samples that an interrupted run of
        the same stage left unfinished are taken up where they stopped.
    inputs
        Its inputs, as `plan_stages` makes them.
    tools
        Progress, deadline, and objects in the place of what the settings name.

    Raises
    ------
    ValueError
        If there is no such stage, or the structures do not suit it.
    CheckpointError, PotentialError
        If the model or the potential cannot be loaded.
    """
    return find_stage(name).run(name, structures, inputs, tools or StageTools())


def _make_sampling_inputs(
    settings: RestorationSettings, own: SamplingSettings, select: Selection | None
) -> SamplingInputs:
    # The final refinement must not change what is looked up in the cache for this stage.
    symmetry = settings.symmetry.model_copy(update={"refine": None})
    return SamplingInputs(**own.model_dump(), symmetry=symmetry, filter=settings.filter)


def _make_relaxation_inputs(
    settings: RestorationSettings, own: RelaxationSettings, select: Selection | None
) -> RelaxationInputs:
    before = settings.relax_inserted
    return RelaxationInputs(
        relaxation=own,
        potential=settings.potential,
        select=select,
        record_fixed_host=own.moving == "all"
        and before is not None
        and before.moving != "all"
        and not settings.samples_cells,
    )


def _make_search_inputs(
    settings: RestorationSettings, own: SearchSettings, select: Selection | None
) -> SearchInputs | None:
    if settings.sampling is None or settings.relax_inserted is None or settings.samples_cells:
        return None
    # What the search knows of other settings must not change what is looked up in the cache.
    return SearchInputs(
        search=own,
        sampling=settings.sampling.model_copy(update={"record": 0}),
        symmetry=settings.symmetry.model_copy(update={"refine": None}),
        filter=settings.filter,
        potential=settings.potential,
        score=settings.score,
        relaxation=settings.relax_inserted,
        misplaced=settings.misplaced,
    )


def _make_reranking_inputs(
    settings: RestorationSettings, own: PotentialSettings, select: Selection | None
) -> RelaxationInputs:
    return RelaxationInputs(relaxation=settings.last_relaxation, potential=own, select=select)


def _select_candidates(settings: RestorationSettings) -> Selection:
    return Selection(
        keep=settings.keep,
        window=settings.keep_window,
        same=settings.filter.same,
        misplaced=settings.misplaced,
    )


SAMPLE = "sample"
"""Stage that turns hosts into samples."""

STAGES: tuple[Stage, ...] = (
    Stage(
        name=SAMPLE,
        title="sample",
        about="Place the sites to insert with a generator, propose symmetric arrangements beside "
        "the samples, and filter out what is too close, implausible or a duplicate.",
        field="sampling",
        kind="sample",
        inputs=SamplingInputs,
        make_inputs=_make_sampling_inputs,
        run=sample_hosts,
    ),
    Stage(
        name="score",
        title="score",
        about="Relax all samples for a few steps; the lowest `candidates` of each host go on.",
        field="score",
        kind="relax",
        inputs=RelaxationInputs,
        make_inputs=_make_relaxation_inputs,
        run=score_samples,
        select=lambda settings: Selection(
            keep=settings.candidates,
            same=settings.filter.same,
            misplaced=settings.misplaced,
        ),
    ),
    Stage(
        name="relax_inserted",
        title="relax inserted sites",
        about="Relax the inserted sites in the fixed host; the lowest `keep` of each host go on, "
        "and those within `keep_window` of the lowest.",
        field="relax_inserted",
        kind="relax",
        inputs=RelaxationInputs,
        make_inputs=_make_relaxation_inputs,
        run=relax_samples,
        select=_select_candidates,
    ),
    Stage(
        name="search",
        title="search",
        about="Go on for hosts whose lowest arrangement was not found often enough: make new ones, "
        "some of them from the lowest, score them, and relax the inserted sites of the best.",
        field="search",
        kind="relax",
        inputs=SearchInputs,
        make_inputs=_make_search_inputs,
        run=search_hosts,
        select=_select_candidates,
        adds_samples=True,
    ),
    Stage(
        name="relax_all",
        title="relax all sites",
        about="Relax all sites, and the cell where `relax_all.cell` says so.",
        field="relax_all",
        kind="relax",
        inputs=RelaxationInputs,
        make_inputs=_make_relaxation_inputs,
        run=relax_samples,
        select=_select_candidates,
    ),
    Stage(
        name="rerank",
        title="rank with a second potential",
        about="Relax the lowest `keep` of each host, and those within `keep_window` of the lowest, "
        "on with a second potential, which ranks them.",
        field="rerank",
        kind="relax",
        inputs=RelaxationInputs,
        make_inputs=_make_reranking_inputs,
        run=rerank_samples,
    ),
)
"""The stages in their order."""
