"""restore: the whole recipe in plain Python, from hosts to ranked candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_hpaint.science.diffusion import generate, generate_recorded
from aiida_hpaint.science.electrostatics.starting_points import refine_starting_points
from aiida_hpaint.science.evaluation import select_lowest
from aiida_hpaint.science.funnel import arrange, score, winnow
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.structures import HostError, prepare_hosts
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.trajectory import Recording, Trajectory
from aiida_hpaint.science.types import Progress


@dataclass(frozen=True)
class Restoration:
    """Restored hosts.

    Attributes
    ----------
    hosts
        What was asked for: hosts whose inserted sites have no position.
    samples
        All samples of all hosts with their statuses, energies (eV), ranks within their host and
        energies above its lowest (eV per atom); the history says how they came to be.
    recording
        The samples as they were drawn, before any relaxation, and the way there; None unless
        asked for.
    """

    hosts: StructureBatch
    samples: StructureBatch
    recording: Recording | None = None

    @property
    def trajectory(self) -> Trajectory | None:
        """Where the sought sites were while they were drawn, if that was recorded."""
        return None if self.recording is None else self.recording.trajectory

    @property
    def best(self) -> StructureBatch:
        """The lowest candidate of each host that has one, in the order of the hosts."""
        return self.samples[np.where(self.samples.scalars["rank"] == 0)[0]]

    @property
    def unrestored(self) -> tuple[str, ...]:
        """Labels of the hosts without any candidate; the statuses of their samples say why."""
        restored = set(self.best.scalars["host"].tolist())
        return tuple(
            label for index, label in enumerate(self.hosts.labels) if index not in restored
        )

    def candidates(self, host: int) -> StructureBatch:
        """Ranked candidates of the host with this index, the lowest energy first."""
        ranks = self.samples.scalars["rank"]
        members = np.where((self.samples.scalars["host"] == host) & (ranks >= 0))[0]
        return self.samples[members[np.argsort(ranks[members])]]

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
    record: bool = False,
    progress: Progress | None = None,
) -> Restoration:
    """Put missing sites into crystals: sample, relax the inserted sites, relax all, rank.

    The recipe of Reents et al. (arXiv:2601.01959, section IV) without AiiDA and without DFT.

    Parameters
    ----------
    hosts
        One host or several: paths (CIF, POSCAR, extxyz), pymatgen Structures, ASE Atoms, or a
        StructureBatch whose inserted sites are there already.
    add
        What to add to each host, like 'H:4' or {'H': 4}; None reads the number of missing H from
        the CIF of each host.
    settings
        Name of a protocol or settings.
    record
        Keep how the samples were drawn, at every step unless `sampling.record` says which. The
        samples are the same.
    progress
        Called with (done, total, text) now and then.

    Raises
    ------
    HostError
        If a host cannot be used; the message says which site, why and what to do.
    ValueError
        If the protocol is unknown, or the settings ask for a validation by DFT.
    CheckpointError, PotentialError
        If the model or the potential cannot be had.

    Examples
    --------
    >>> restoration = restore("brucite.cif", add="H:2")  # doctest: +SKIP
    >>> restoration.best.scalars["energy"]  # doctest: +SKIP
    """
    if isinstance(settings, str):
        settings = load_protocol(settings)
    batch, problems = prepare_hosts(hosts, add)
    if batch is None or problems:
        raise HostError(problems)
    if record and not settings.sampling.record:
        sampling = settings.sampling.model_copy(update={"record": 1})
        settings = settings.model_copy(update={"sampling": sampling})
    return restore_recorded(batch, settings, progress=progress)


def restore_batch(
    hosts: StructureBatch, settings: RestorationSettings, *, progress: Progress | None = None
) -> StructureBatch:
    """All samples of checked hosts, relaxed and ranked."""
    return restore_recorded(hosts, settings, progress=progress).samples


def restore_recorded(
    hosts: StructureBatch, settings: RestorationSettings, *, progress: Progress | None = None
) -> Restoration:
    """The restoration of checked hosts, with a recording if `sampling.record` asks for it."""
    _check_plain(settings)
    recording = None
    if settings.sampling.record:
        drawn, trajectory = generate_recorded(hosts, settings.sampling, progress=progress)
        recording = Recording(drawn, trajectory)
    else:
        drawn = generate(hosts, settings.sampling, progress=progress)
    return Restoration(hosts, relax_and_rank(drawn, settings, progress=progress), recording)


def restore_from_starting_points(
    hosts: StructureBatch,
    starting_points: StructureBatch,
    settings: RestorationSettings | str = "balanced",
    *,
    progress: Progress | None = None,
) -> Restoration:
    """The recipe from samples that are there already, like those at maxima of a potential.

    Parameters
    ----------
    hosts
        With the sites to insert.
    starting_points
        Samples of the hosts, as `make_starting_points` of `aiida_hpaint.science.electrostatics`
        returns them.
    settings
        Name of a protocol or settings. With a `sampling.start_time` below 1 the generator takes
        `sampling.samples` samples around each starting point, which replace it.

    Raises
    ------
    ValueError
        If the protocol is unknown, or there is no starting point to sample around.
    CheckpointError, PotentialError
        If the model or the potential cannot be had.
    """
    if isinstance(settings, str):
        settings = load_protocol(settings)
    _check_plain(settings)
    if settings.sampling.start_time < 1:
        starting_points = refine_starting_points(
            starting_points, settings.sampling, progress=progress
        )
    return Restoration(hosts, relax_and_rank(starting_points, settings, progress=progress))


def relax_and_rank(
    drawn: StructureBatch, settings: RestorationSettings, *, progress: Progress | None = None
) -> StructureBatch:
    """The rest of the recipe for samples that `generate` has drawn."""
    samples = winnow(drawn, settings.symmetry, settings.filter)
    return relax_winnowed(samples, settings, progress=progress)


def relax_winnowed(
    samples: StructureBatch, settings: RestorationSettings, *, progress: Progress | None = None
) -> StructureBatch:
    """The rest of the recipe for samples that `winnow` has filtered."""
    _check_plain(settings)
    same = settings.filter.same
    if settings.score is not None:
        samples = score(samples, settings.score, settings.potential, progress=progress)
        samples = select_lowest(samples, settings.candidates, 0.0, same)
    samples = relax(samples, settings.relax_inserted, settings.potential, progress=progress)
    samples = select_lowest(samples, settings.keep, settings.keep_window, same)
    samples = relax(samples, settings.relax_all, settings.potential, progress=progress)
    return arrange(samples, settings.symmetry.refine)


def _check_plain(settings: RestorationSettings) -> None:
    if settings.validation is not None:
        raise ValueError(
            "validation by DFT needs AiiDA: leave out --no-aiida, or in Python use build_restore; "
            "without DFT set `validation` to null"
        )


__all__: Sequence[str] = [
    "Restoration",
    "relax_and_rank",
    "relax_winnowed",
    "restore",
    "restore_batch",
    "restore_from_starting_points",
    "restore_recorded",
]
