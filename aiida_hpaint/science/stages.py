"""What the stages of a restoration do: their inputs, their functions, the beginning and the end.

`science.recipe` puts them in order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from aiida_hpaint.science.settings import (
    CheckSettings,
    FilterSettings,
    PotentialSettings,
    RelaxationSettings,
    SamplingSettings,
    Settings,
    SymmetrySettings,
)
from aiida_hpaint.science.structures.batch import StructureBatch, number_samples
from aiida_hpaint.science.structures.cell_changes import (
    ENERGY_FIXED_CELL,
    add_volume_changes,
    has_sampled_cells,
)
from aiida_hpaint.science.structures.fixed_host import record_fixed_host
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.structures.writing.source import drop_source_texts
from aiida_hpaint.science.types import Progress

if TYPE_CHECKING:
    from aiida_hpaint.science.diffusion.sampling.generators import Generator
    from aiida_hpaint.science.relaxation.potentials import Potential
    from aiida_hpaint.science.structures.trajectory import Trajectory

__all__ = [
    "FinishInputs",
    "RelaxationInputs",
    "SamplingInputs",
    "Selection",
    "StageResult",
    "StageTools",
    "check_inserted_sites",
    "finish_restoration",
    "propose_and_filter",
    "relax_samples",
    "rerank_samples",
    "sample_hosts",
    "score_samples",
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
    misplaced: float = Field(
        0.0,
        ge=0,
        description="energy that counts against each H that is not where the record says, eV",
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
    record_fixed_host: bool = Field(
        False, description="whether samples come from a fixed host and keep what they were in it"
    )


class FinishInputs(Settings):
    """All that the end of a restoration knows: how results are ranked, checked and refined."""

    checks: CheckSettings | None = CheckSettings()
    refine: float | None = Field(
        None, gt=0, description="largest displacement that makes a structure symmetric, Å"
    )


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
    hosts = drop_source_texts(hosts)
    samples = number_samples(hosts.with_scalars(host=hosts.host_indices))
    if "status" not in samples.scalars:
        samples = samples.with_scalars(status=[SampleStatus.SAMPLED.value] * len(samples))
    return propose_and_filter(samples, symmetry, filtering)


def propose_and_filter(
    samples: StructureBatch,
    symmetry: SymmetrySettings,
    filtering: FilterSettings,
    use_parents: bool = True,
) -> StructureBatch:
    """Add symmetric arrangements, where asked for, and mark what is not worth relaxing.

    This ends the sampling stage, and begins a restoration that has none. With `use_parents` all
    arrangements have H where the budget of the host says.
    """
    from aiida_hpaint.science.evaluation import filter_samples
    from aiida_hpaint.science.symmetry import add_symmetric_proposals

    if not len(samples):
        return samples
    if not has_sampled_cells(samples):  # symmetric arrangements are those of one cell
        samples = add_symmetric_proposals(samples, symmetry, use_parents)
    return filter_samples(samples, filtering)


def sample_hosts(
    name: str, hosts: StructureBatch, inputs: SamplingInputs, tools: StageTools
) -> StageResult:
    """Sample each host, propose symmetric arrangements, and filter out what is not worth relaxing.

    Samples belong to the host that the scalar `host` of their structure names, which is its place
    among all hosts where these are a chunk of them. Several structures of one host are guesses to
    sample around, whose samples are filtered together.
    """
    from aiida_hpaint.science.diffusion import generate, generate_recorded, generate_until

    sampling, places, trajectory = inputs.sampling, hosts.host_indices, None
    several = len(np.unique(places)) < len(places)
    # What else hosts and guesses have is not of the samples.
    hosts = replace(drop_source_texts(hosts), scalars={"host": places})
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
    proposed = propose_and_filter(samples, inputs.symmetry, inputs.filter, inputs.use_parents)
    return StageResult(proposed, trajectory)


def relax_samples(
    name: str, samples: StructureBatch, inputs: RelaxationInputs, tools: StageTools
) -> StageResult:
    """Relax the samples that are alive, after the selection that the last stage asks for.

    Where their cells relax, too, the scalar `energy_fixed_cell` keeps the energy before, in eV.
    """
    from aiida_hpaint.science.evaluation import select_lowest
    from aiida_hpaint.science.relaxation import relax

    # The selection was made before an interrupted run of this stage; the energies have changed.
    resumes = [record.get("stage") for record in samples.history][-1:] == [name]
    if inputs.select is not None and not resumes:
        select = inputs.select
        samples = select_lowest(samples, select.keep, select.window, select.same, select.misplaced)
    if inputs.relaxation.cell != "fixed" and ENERGY_FIXED_CELL not in samples.scalars:
        unknown = np.full(len(samples), np.nan)
        before = samples.scalars.get("energy", unknown)
        samples = samples.with_scalars(**{ENERGY_FIXED_CELL: before})
    if inputs.record_fixed_host:
        samples = record_fixed_host(samples)
    relaxed = relax(
        samples,
        inputs.relaxation,
        tools.potential or inputs.potential,
        stage=name,
        deadline=tools.deadline,
        progress=tools.progress,
    )
    return StageResult(relaxed)


def score_samples(
    name: str, samples: StructureBatch, inputs: RelaxationInputs, tools: StageTools
) -> StageResult:
    """Relax for a few steps, to see which samples are worth more.

    Adds the scalar `energy_scored`: energy after this stage in eV, NaN where there is none.
    """
    scored = relax_samples(name, samples, inputs, tools).structures
    return StageResult(scored.with_scalars(energy_scored=scored.scalars["energy"]))


def rerank_samples(
    name: str, samples: StructureBatch, inputs: RelaxationInputs, tools: StageTools
) -> StageResult:
    """Relax the lowest candidates of each host on with the potential that ranks them.

    Adds the scalars `energy_searched`, energy by the potential before in eV, and `ranked_by`; see
    `evaluation.reranking`. A potential among the tools takes the place of the first one only.
    """
    from aiida_hpaint.science.evaluation.reranking import settle_reranking

    if "energy_searched" not in samples.scalars:
        samples = samples.with_scalars(energy_searched=samples.scalars["energy"])
    reranked = relax_samples(name, samples, inputs, replace(tools, potential=None))
    return StageResult(settle_reranking(samples, reranked.structures))


def finish_restoration(
    samples: StructureBatch, hosts: StructureBatch, inputs: FinishInputs | None = None
) -> StructureBatch:
    """Rank the samples of each host, make them exactly symmetric where asked for, and check them.

    Samples of smaller cells become samples of the file's before that; see `expand_samples`.
    Where the potential rebuilds a host, its candidates are put back into the host as measured; see
    `hold_hosts`. Candidates that fail a check rank after those that pass; see
    `plausibility.check_answers`. How probable it is that the answer of a host is right is said
    last; see `science.confidence`.

    Parameters
    ----------
    samples
        Results of the last stage. They are ordered by host, and proposals and what a search added
        follow after all that was sampled, however the hosts were cut into chunks.
    hosts
        Hosts before the restoration, by their scalar `host`, or by their row where they have none.
    inputs
        How to refine and check.
    """
    from aiida_hpaint.science.confidence import add_confidence
    from aiida_hpaint.science.evaluation import exclude_fixed_cells, mark_same_ends, rank
    from aiida_hpaint.science.plausibility.check_answers import check_answers, note_lower_failures
    from aiida_hpaint.science.plausibility.held_hosts import hold_hosts
    from aiida_hpaint.science.structures.primitive import expand_samples
    from aiida_hpaint.science.structures.sample_origin import GENERATED
    from aiida_hpaint.science.structures.writing.answer_groups import find_answer_groups
    from aiida_hpaint.science.symmetry import refine_symmetry as make_symmetric

    inputs = inputs or FinishInputs()
    lacking = {"energy": np.nan, "energy_sampled": np.nan, "max_force": np.nan, "steps": 0}
    samples = samples.with_scalars(
        **{
            name: np.full(len(samples), value)
            for name, value in lacking.items()
            if name not in samples.scalars
        }
    )
    samples = exclude_fixed_cells(expand_samples(samples, hosts))
    # Energies in cells of their own say nothing of the host as measured.
    holds = inputs.checks is not None and inputs.checks.hold_host
    if inputs.checks is not None and holds and not has_sampled_cells(samples):
        samples = hold_hosts(samples, hosts, inputs.checks)
    proposed = samples.scalars.get("origin", np.full(len(samples), GENERATED)) != GENERATED
    proposed |= samples.scalars.get("round", np.zeros(len(samples))) > 0
    ranked = rank(samples[np.lexsort((samples.scalars["host"], proposed))])
    if inputs.refine is not None:
        ranked = make_symmetric(ranked, inputs.refine)
    ranked = add_volume_changes(ranked, hosts)
    chosen = ranked.scalars["rank"] >= 0
    ranked = ranked.with_scalars(space_group=find_answer_groups(ranked, hosts, chosen))
    if inputs.checks is None:
        ranked = rank(mark_same_ends(ranked.with_scalars(passes=chosen), hosts))
        return add_confidence(ranked, hosts)
    checked = check_answers(ranked, hosts, chosen, inputs.checks)
    return add_confidence(note_lower_failures(rank(mark_same_ends(checked, hosts))), hosts)
