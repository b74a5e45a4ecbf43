"""Restoration in plain Python: the whole recipe, from hosts to ranked candidates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint.science.evaluation import find_answers
from aiida_hpaint.science.extras import name_missing_extra
from aiida_hpaint.science.preflight import check_tools
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.recipe import SAMPLE, plan_finish, plan_stages, run_stage
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.stages import (
    StageTools,
    check_inserted_sites,
    finish_restoration,
    start_from_guesses,
)
from aiida_hpaint.science.structures import HostError, prepare_hosts
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.fixed_host import record_fixed_host
from aiida_hpaint.science.structures.primitive import choose_searches
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.structures.trajectory import Recording, Trajectory, join_recordings
from aiida_hpaint.science.types import Progress

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from aiida_hpaint.science.diffusion.sampling.generators import Generator
    from aiida_hpaint.science.relaxation.potentials import Potential
    from aiida_hpaint.science.report import HostResult
    from aiida_hpaint.science.viewer import CrystalView

__all__ = [
    "Restoration",
    "relax_and_rank",
    "relax_reference",
    "restore",
    "restore_batch",
    "restore_from_starting_points",
]


@dataclass(frozen=True, repr=False)
class Restoration:
    """Restored hosts.

    Attributes
    ----------
    hosts
        What was asked for: hosts whose inserted sites have no position.
    samples
        All samples of all hosts with their statuses, energies (eV), ranks within their host, what
        the checks of candidates found (`passes`, and `checks` in the metadata) and energies above
        the best candidate (eV per atom); the history says how they came to be.
    recording
        The samples as they were drawn, before any relaxation, and the way there, in the cells that
        were searched; None unless asked for.
    """

    hosts: StructureBatch
    samples: StructureBatch
    recording: Recording | None = None

    @property
    def trajectory(self) -> Trajectory | None:
        """Positions of the inserted sites during the sampling, if they were recorded."""
        return None if self.recording is None else self.recording.trajectory

    @property
    def best(self) -> StructureBatch:
        """The lowest candidate of each host that passes the checks, in the order of the hosts."""
        return self.samples[np.flatnonzero(find_answers(self.samples))]

    @property
    def unrestored(self) -> tuple[str, ...]:
        """Labels of the hosts without a candidate that passes the checks.

        `failing` says which checks their lowest candidates fail; of hosts without any candidate the
        statuses of the samples say why.
        """
        restored = set(self.best.scalars["host"].tolist())
        return tuple(
            label for index, label in enumerate(self.hosts.labels) if index not in restored
        )

    @property
    def failing(self) -> dict[str, list[str]]:
        """What the lowest candidate fails, by the label of each host where none passes."""
        lowest = (self.samples.scalars["rank"] == 0) & ~find_answers(self.samples)
        return {
            self.samples.labels[row]: list(self.samples.metadata[row]["checks"]["failed"])
            for row in np.flatnonzero(lowest).tolist()
        }

    def candidates(self, host: int) -> StructureBatch:
        """Candidates of the host with this index, by rank: those that pass the checks first."""
        ranks = self.samples.scalars["rank"]
        members = np.where((self.samples.scalars["host"] == host) & (ranks >= 0))[0]
        return self.samples[members[np.argsort(ranks[members])]]

    def write_report(self, folder: Path | str, *, title: str = "", alone: bool = False) -> Path:
        """Write the report of all hosts into a folder, and return the page to open.

        Parameters
        ----------
        folder
            Folder, which is made if it does not exist; files of the hosts there are linked.
        title
            Title of the index of several hosts.
        alone
            Give each page of several hosts a copy of the viewer, so that it can be sent on its own.
        """
        from aiida_hpaint.science.report import write_reports

        return write_reports(self._results, Path(folder), title=title, alone=alone)

    def view(self, host: int = 0, height: int = 480) -> CrystalView:
        """Return the candidates of one host in 3D for a notebook, or to `save` as a page.

        Parameters
        ----------
        host
            Index of the host.
        height
            Height in the notebook, pixels.

        Raises
        ------
        ValueError
            If the host has no candidate.
        """
        from aiida_hpaint.science.report.content import view_candidates

        return view_candidates(self._results[host], height)

    def plot_energies(self, host: int = 0, axes: Axes | None = None) -> Axes:
        """Plot the energies of the candidates of one host, and how often each was found.

        Parameters
        ----------
        host
            Index of the host.
        axes
            Axes of matplotlib to plot on; by default those of a new figure.

        Raises
        ------
        ValueError
            If the host has no candidate.
        """
        from aiida_hpaint.science.report.notebook import plot_energies

        return plot_energies(self._results[host], axes)

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each sample: label, formula, sites and all scalars."""
        return self.samples.to_pandas()

    def __repr__(self) -> str:
        from aiida_hpaint.science.report.notebook import summarise_hosts

        return summarise_hosts(self._results)

    def _repr_html_(self) -> str:
        from aiida_hpaint.science.report.notebook import tabulate_hosts

        return tabulate_hosts(self._results)

    @property
    def _results(self) -> list[HostResult]:
        from aiida_hpaint.science.report import group_rows_by_host

        return group_rows_by_host(self.samples, self.hosts)

    def table(self) -> list[dict[str, Any]]:
        """One row a sample: its label and its scalars."""
        names = sorted(self.samples.scalars)
        return [
            {"label": label, **{name: self.samples.scalars[name][row].item() for name in names}}
            for row, label in enumerate(self.samples.labels)
        ]


def restore(
    hosts: Any,
    add: str | Mapping[str, int] | None = None,
    settings: RestorationSettings | str = "balanced",
    *,
    generator: Generator | None = None,
    potential: Potential | None = None,
    record: bool = False,
    progress: Progress | None = None,
) -> Restoration:
    """Restore hosts: place the sites to insert, relax, and rank the candidates by energy.

    The recipe of Reents et al. (arXiv:2601.01959, section IV) without AiiDA and without DFT;
    `aiida_hpaint.science.recipe` lists its stages.

    Parameters
    ----------
    hosts
        One host or several: paths (CIF, POSCAR, extxyz), pymatgen Structures, ASE Atoms, or a
        StructureBatch that holds its sites to insert already, with positions for them where
        `settings.sampling` is null.
    add
        Sites to insert in each host, like 'H:4' or {'H': 4}; None reads the number of missing H
        from the file of each host.
    settings
        Name of a protocol or settings.
    generator
        Object that takes the place of the generator that `sampling.generator` names.
    potential
        Object that takes the place of the potential that `potential.name` names.
    record
        Keep the positions of the inserted sites during sampling, after every step unless
        `sampling.record` says which. The samples are the same.
    progress
        Called with (done, total, text) now and then.

    Raises
    ------
    HostError
        If a host cannot be used; the message says which site, why and what to do.
    ValueError
        If the protocol is unknown, or the settings ask for a validation by DFT.
    CheckpointError, PotentialError
        If the model or the potential cannot be loaded.
    ModuleNotFoundError
        If a package is missing; the message names the extra that brings it.

    Examples
    --------
    >>> restoration = restore("brucite.cif", add="H:2")  # doctest: +SKIP
    >>> restoration.best.scalars["energy"]  # doctest: +SKIP
    """
    if isinstance(settings, str):
        settings = load_protocol(settings)
    if settings.sampling is None and isinstance(hosts, StructureBatch):
        batch = hosts  # guesses: there is nothing to add
    else:
        prepared, problems = prepare_hosts(hosts, add, settings=settings.hosts)
        if prepared is None or problems:
            raise HostError(problems)
        batch = prepared
    if record and settings.sampling is not None and not settings.sampling.record:
        sampling = settings.sampling.model_copy(update={"record": 1})
        settings = settings.model_copy(update={"sampling": sampling})
    tools = StageTools(progress=progress, generator=generator, potential=potential)
    with name_missing_extra():
        return restore_batch(batch, settings, tools)


def restore_batch(
    hosts: StructureBatch, settings: RestorationSettings, tools: StageTools | None = None
) -> Restoration:
    """Restore checked hosts; see `restore`.

    Parameters
    ----------
    hosts
        Hosts with their sites to insert. Where `settings.sampling` is null these have positions,
        and structures with the same scalar `host` are guesses for one host.
    """
    _refuse_dft(settings)
    check_inserted_sites(hosts, settings.sampling)
    check_tools(hosts, settings, tools)
    if settings.sampling is not None:
        return _run_stages(hosts, choose_searches(hosts, settings.cell), settings, tools)
    guesses = start_from_guesses(hosts, settings.symmetry, settings.filter)
    return _run_stages(hosts, [guesses], settings, tools)


def restore_from_starting_points(
    hosts: StructureBatch,
    points: StructureBatch,
    settings: RestorationSettings | str = "balanced",
    *,
    generator: Generator | None = None,
    potential: Potential | None = None,
    progress: Progress | None = None,
) -> Restoration:
    """Restore hosts from samples that exist already, like those at maxima of a potential.

    Parameters
    ----------
    hosts
        Hosts with their sites to insert.
    points
        Samples of the hosts, as `electrostatics.make_starting_points` makes them.
    settings
        Name of a protocol or settings. With a `sampling.start_time` below 1 the generator samples
        around each starting point, `sampling.samples` times, and these samples take the place of
        the starting points; otherwise nothing is sampled.
    generator, potential, progress
        See `restore`.

    Raises
    ------
    ValueError
        If the protocol is unknown, or there is no starting point to sample around.
    CheckpointError, PotentialError
        If the model or the potential cannot be loaded.
    """
    from aiida_hpaint.science.electrostatics.starting_points import select_guesses

    if isinstance(settings, str):
        settings = load_protocol(settings)
    _refuse_dft(settings)
    tools = StageTools(progress=progress, generator=generator, potential=potential)
    if settings.sampling is not None and settings.sampling.start_time < 1:
        guesses = select_guesses(points, settings.sampling)
        return _run_stages(hosts, [guesses], settings, tools)
    settings = settings.model_copy(update={"sampling": None})
    samples = start_from_guesses(points, settings.symmetry, settings.filter)
    return _run_stages(hosts, [samples], settings, tools)


def relax_and_rank(
    samples: StructureBatch | Sequence[StructureBatch],
    settings: RestorationSettings,
    tools: StageTools | None = None,
    hosts: StructureBatch | None = None,
) -> StructureBatch:
    """Run all stages after the sampling, for samples that `propose_and_filter` has marked.

    Parameters
    ----------
    samples
        Samples, or those of several searches of the same hosts (see `choose_searches`).
    hosts
        Hosts before the restoration; None: the samples are in the cells of their hosts.
    """
    _refuse_dft(settings)
    searches = [samples] if isinstance(samples, StructureBatch) else list(samples)
    before = searches[0] if hosts is None else hosts
    return _run_stages(before, searches, settings, tools, skip=(SAMPLE,)).samples


def relax_reference(
    reference: StructureBatch, settings: RestorationSettings, potential: Potential | None = None
) -> StructureBatch:
    """Relax one complete structure like candidates in the last stage.

    The potential is the one that ranks them, or the object that is given in its place: energies by
    another one could not be compared. The metadata say what becomes of it in the fixed host
    (`fixed_host`), which candidates in hosts that were put back are compared with.
    """
    from aiida_hpaint.science.relaxation import relax

    start = reference.with_scalars(host=[0], sample=[0], status=[SampleStatus.SAMPLED.value])
    relaxed = relax(start, settings.final_relaxation, potential or settings.ranking_potential)
    if settings.relax_inserted is None or not start.inserted.any():
        return relaxed
    in_host = relax(start, settings.relax_inserted, potential or settings.potential)
    return replace(relaxed, metadata=record_fixed_host(in_host).metadata)


def _run_stages(
    hosts: StructureBatch,
    searches: Sequence[StructureBatch],
    settings: RestorationSettings,
    tools: StageTools | None,
    skip: Collection[str] = (),
) -> Restoration:
    plan = {name: inputs for name, inputs in plan_stages(settings).items() if name not in skip}
    recordings: list[Recording] = []
    finished: list[StructureBatch] = []
    for structures in searches:
        for name, inputs in plan.items():
            result = run_stage(name, structures, inputs, tools)
            structures = result.structures
            if result.trajectory is not None:
                # Nothing is recorded of proposals, which follow after all that was sampled.
                sampled = structures[: len(result.trajectory)]
                recordings.append(Recording(sampled, result.trajectory))
        finished.append(structures)
    samples = finish_restoration(concatenate(finished), hosts, plan_finish(settings))
    return Restoration(
        hosts,
        samples,
        join_recordings(recordings) if recordings else None,
    )


def _refuse_dft(settings: RestorationSettings) -> None:
    if settings.validation is not None:
        raise ValueError(
            "validation by DFT needs AiiDA: leave out --no-aiida, or in Python use build_restore; "
            "without DFT set `validation` to null"
        )
