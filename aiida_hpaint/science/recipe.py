"""The recipe of a restoration: its stages in order, and what is selected after each of them.

This is the one place that knows the stages. `science.restoration` loops over `STAGES` in plain
Python; the jobs, the WorkGraphs, progress, status, export and the documentation read them. A stage
is added by a field of `RestorationSettings` and an entry of `STAGES`, and turned off by setting
its field to null.

Two rules make both paths the same. The inputs of a stage are made from the settings here, by
`plan_stages`, and are all that it knows. What is selected after a stage is selected at the start of
the next one, because a stage may need several jobs, and is over only when the last of them is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from aiida_hpaint.science.settings import (
    FilterSettings,
    PotentialSettings,
    RelaxationSettings,
    RestorationSettings,
    SamplingSettings,
    Settings,
    SymmetrySettings,
)
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.hosts_of_samples import host_places, number_samples
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.types import Progress

if TYPE_CHECKING:
    from aiida_hpaint.science.diffusion.sampling.generators import Generator
    from aiida_hpaint.science.relaxation.potentials import Potential
    from aiida_hpaint.science.structures.trajectory import Trajectory

__all__ = [
    "STAGES",
    "RelaxationInputs",
    "SamplingInputs",
    "Selection",
    "Stage",
    "StageResult",
    "StageTools",
    "check_inserted_sites",
    "find_stage",
    "finish_restoration",
    "plan_stages",
    "propose_and_filter",
    "run_stage",
    "start_from_guesses",
]


class Selection(Settings):
    """Which relaxed samples of each host go on to the next stage."""

    keep: int = Field(ge=1, description="number of the lowest distinct samples of each host")
    window: float = Field(
        0.0, ge=0, description="samples this close to the lowest are kept too, eV per atom"
    )
    same: float = Field(
        FilterSettings().same, gt=0, description="largest distance of sites in duplicates, Å"
    )


class SamplingInputs(SamplingSettings):
    """All that the sampling stage knows: how to sample, what to propose, what to filter out."""

    symmetry: SymmetrySettings = SymmetrySettings()
    filter: FilterSettings = FilterSettings()

    @property
    def sampling(self) -> SamplingSettings:
        """The settings of the sampler alone."""
        return SamplingSettings.model_validate(self.model_dump(exclude={"symmetry", "filter"}))


class RelaxationInputs(Settings):
    """All that a stage of relaxation knows."""

    relaxation: RelaxationSettings
    potential: PotentialSettings
    select: Selection | None = Field(None, description="selection before the stage begins")


@dataclass(frozen=True)
class StageTools:
    """What a stage may be given besides its inputs.

    Attributes
    ----------
    progress
        Called with (done, total, text) now and then.
    deadline
        Value of `time.monotonic()` at which to stop with what is finished.
    generator, potential
        Objects that take the place of those that the settings name.
    """

    progress: Progress | None = None
    deadline: float | None = None
    generator: Generator | None = None
    potential: Potential | None = None


@dataclass(frozen=True)
class StageResult:
    """What a stage returns.

    Attributes
    ----------
    structures
        Samples; of the sampling stage, those of the hosts that were finished in time.
    trajectory
        Positions of the inserted sites during sampling, if `record` asks for them.
    """

    structures: StructureBatch
    trajectory: Trajectory | None = None


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
        Make the inputs from all settings, the stage's own, and the selection to begin with.
    run
        Run the stage: called with its name, structures, inputs and tools.
    select
        Make the selection among its results from the settings; None where all of them go on.
    """

    name: str
    title: str
    about: str
    field: str
    kind: Literal["sample", "relax"]
    inputs: type[Settings]
    make_inputs: Callable[[RestorationSettings, Any, Selection | None], Settings]
    run: Callable[[str, StructureBatch, Any, StageTools], StageResult]
    select: Callable[[RestorationSettings], Selection] | None = None


def plan_stages(settings: RestorationSettings) -> dict[str, Settings]:
    """Return the inputs of the stages that are on, by name and in order.

    The selection of a stage that is off is made by nobody; the one after the last stage would
    only hide candidates, so that it is not made either.
    """
    plan: dict[str, Settings] = {}
    select: Selection | None = None
    for stage in STAGES:
        own = getattr(settings, stage.field)
        if own is not None:
            plan[stage.name] = stage.make_inputs(settings, own, select)
            select = None if stage.select is None else stage.select(settings)
    return plan


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


def check_inserted_sites(hosts: StructureBatch, sampling: SamplingSettings | None) -> None:
    """Refuse hosts that the first stage cannot begin with.

    Sampling from noise needs sites to insert that have no position. With a `start_time` below 1
    it needs guesses of all of them, and so do the other stages where sampling is off.

    Raises
    ------
    ValueError
        If there is no host, or an unsuitable one; the message names the first.
    """
    if not len(hosts):
        raise ValueError("there is no host: give at least one")
    unplaced = [hosts.labels[row] for row in np.flatnonzero(~hosts.placed)]
    placed = [hosts.labels[row] for row in np.flatnonzero(hosts.placed)]
    if sampling is None and unplaced:
        raise ValueError(
            f"{unplaced[0]}: its inserted sites have no positions: with sampling null a host needs "
            "a guess of them"
        )
    if sampling is not None and sampling.start_time < 1 and unplaced:
        raise ValueError(
            f"{unplaced[0]}: there is no guess to refine: with sampling.start_time "
            f"{sampling.start_time:g} inserted sites need positions"
        )
    if sampling is not None and sampling.start_time >= 1 and placed:
        raise ValueError(
            f"{placed[0]}: there is no site to insert; say which with add_sites or --add"
        )


def start_from_guesses(
    hosts: StructureBatch, symmetry: SymmetrySettings, filtering: FilterSettings
) -> StructureBatch:
    """Return hosts with positions for their inserted sites as the samples to begin with.

    They take the place of the sampling stage's result: symmetric arrangements are proposed beside
    them, and the same filter applies. Several structures with the same scalar `host` are samples
    of one host.
    """
    samples = number_samples(hosts.with_scalars(host=host_places(hosts)))
    if "status" not in samples.scalars:
        samples = samples.with_scalars(status=[SampleStatus.SAMPLED.value] * len(samples))
    return propose_and_filter(samples, symmetry, filtering)


def finish_restoration(samples: StructureBatch, refine: float | None = None) -> StructureBatch:
    """Rank the samples within their host and, where asked for, make them exactly symmetric.

    Parameters
    ----------
    samples
        Results of the last stage. They are ordered by host, and proposals follow after all that
        was sampled, however the hosts were cut into chunks.
    refine
        Largest displacement that makes a ranked structure symmetric, Å; None leaves all as is.
    """
    from aiida_hpaint.science.evaluation import rank
    from aiida_hpaint.science.structures.origin import DRAWN
    from aiida_hpaint.science.symmetry import refine as make_symmetric

    lacking = {"energy": np.nan, "energy_sampled": np.nan, "max_force": np.nan, "steps": 0}
    samples = samples.with_scalars(
        **{
            name: np.full(len(samples), value)
            for name, value in lacking.items()
            if name not in samples.scalars
        }
    )
    proposed = samples.scalars.get("origin", np.full(len(samples), DRAWN)) != DRAWN
    ranked = rank(samples[np.lexsort((samples.scalars["host"], proposed))])
    return ranked if refine is None else make_symmetric(ranked, refine)


def propose_and_filter(
    samples: StructureBatch, symmetry: SymmetrySettings, filtering: FilterSettings
) -> StructureBatch:
    """Add symmetric arrangements, where asked for, and mark what is not worth relaxing.

    This ends the sampling stage, and begins a restoration that has none.
    """
    from aiida_hpaint.science.evaluation import filter_samples
    from aiida_hpaint.science.symmetry import propose

    return filter_samples(propose(samples, symmetry), filtering) if len(samples) else samples


def _sample(
    name: str, hosts: StructureBatch, inputs: SamplingInputs, tools: StageTools
) -> StageResult:
    """Sample each host, propose symmetric arrangements, and filter out what is not worth relaxing.

    Samples belong to the host that the scalar `host` of their structure names, which is its place
    among all hosts where these are a chunk of them. Several structures of one host are guesses to
    sample around, whose samples are filtered together.
    """
    from aiida_hpaint.science.diffusion import generate, generate_recorded, generate_until

    sampling, places, trajectory = inputs.sampling, host_places(hosts), None
    several = len(np.unique(places)) < len(places)
    hosts = replace(hosts, scalars={"host": places})  # what else guesses have is not of the samples
    if sampling.record and not several:
        # A recording is of all hosts or none, so that no deadline can cut it short.
        samples, trajectory = generate_recorded(
            hosts, sampling, generator=tools.generator, progress=tools.progress
        )
        trajectory = replace(trajectory, hosts=places[trajectory.hosts])
    elif tools.deadline is not None:
        samples = generate_until(hosts, sampling, tools.deadline, generator=tools.generator)
    else:
        samples = generate(hosts, sampling, generator=tools.generator, progress=tools.progress)
    samples = samples.with_scalars(host=places[samples.scalars["host"]])
    if several:
        samples = number_samples(samples)
    return StageResult(propose_and_filter(samples, inputs.symmetry, inputs.filter), trajectory)


def _relax(
    name: str, samples: StructureBatch, inputs: RelaxationInputs, tools: StageTools
) -> StageResult:
    """Relax the samples that are alive, after the selection that the last stage asks for."""
    from aiida_hpaint.science.evaluation import select_lowest
    from aiida_hpaint.science.relaxation import relax

    # The selection was made before an interrupted run of this stage; the energies have changed.
    resumes = [record.get("stage") for record in samples.history][-1:] == [name]
    if inputs.select is not None and not resumes:
        select = inputs.select
        samples = select_lowest(samples, select.keep, select.window, select.same)
    relaxed = relax(
        samples,
        inputs.relaxation,
        tools.potential or inputs.potential,
        stage=name,
        deadline=tools.deadline,
        progress=tools.progress,
    )
    return StageResult(relaxed)


def _score(
    name: str, samples: StructureBatch, inputs: RelaxationInputs, tools: StageTools
) -> StageResult:
    """Relax for a few steps, to see which samples are worth more.

    Adds the scalar `energy_scored`: energy after this stage in eV, NaN where there is none.
    """
    scored = _relax(name, samples, inputs, tools).structures
    return StageResult(scored.with_scalars(energy_scored=scored.scalars["energy"]))


def _make_sampling_inputs(
    settings: RestorationSettings, own: SamplingSettings, select: Selection | None
) -> SamplingInputs:
    # The final refinement must not change what is looked up in the cache for this stage.
    symmetry = settings.symmetry.model_copy(update={"refine": None})
    return SamplingInputs(**own.model_dump(), symmetry=symmetry, filter=settings.filter)


def _make_relaxation_inputs(
    settings: RestorationSettings, own: RelaxationSettings, select: Selection | None
) -> RelaxationInputs:
    return RelaxationInputs(relaxation=own, potential=settings.potential, select=select)


STAGES: tuple[Stage, ...] = (
    Stage(
        name="sample",
        title="sample",
        about="Place the sites to insert with a generator, propose symmetric arrangements beside "
        "the samples, and filter out what is too close, implausible or a duplicate.",
        field="sampling",
        kind="sample",
        inputs=SamplingInputs,
        make_inputs=_make_sampling_inputs,
        run=_sample,
    ),
    Stage(
        name="score",
        title="score",
        about="Relax all samples for a few steps; the lowest `candidates` of each host go on.",
        field="score",
        kind="relax",
        inputs=RelaxationInputs,
        make_inputs=_make_relaxation_inputs,
        run=_score,
        select=lambda settings: Selection(keep=settings.candidates, same=settings.filter.same),
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
        run=_relax,
        select=lambda settings: Selection(
            keep=settings.keep, window=settings.keep_window, same=settings.filter.same
        ),
    ),
    Stage(
        name="relax_all",
        title="relax all sites",
        about="Relax all sites at fixed cell.",
        field="relax_all",
        kind="relax",
        inputs=RelaxationInputs,
        make_inputs=_make_relaxation_inputs,
        run=_relax,
    ),
)
"""The stages in their order."""
