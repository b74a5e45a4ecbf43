"""The bodies of the PythonJobs: what runs on the compute node, where AiiDA need not be."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.settings import (
    FilterSettings,
    PotentialSettings,
    RelaxationSettings,
    SamplingSettings,
    SymmetrySettings,
)
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.trajectory import Trajectory

__all__ = ["WALLTIME_VARIABLE", "MismatchError", "relax_job", "sample_job"]

WALLTIME_VARIABLE = "AIIDA_HPAINT_WALLTIME"
"""Environment variable with the seconds that the scheduler gives the job."""

Result = dict[str, StructureBatch]


class MismatchError(RuntimeError):
    """The package or a model is not the one that provenance and caching would name."""


def sample_job(
    structures: StructureBatch, settings: Mapping[str, Any], identity: Mapping[str, Any]
) -> dict[str, StructureBatch | Trajectory]:
    """Draw samples for each host, add proposals, and mark what is not worth a relaxation.

    Parameters
    ----------
    structures
        Hosts with the sites to insert (NaN positions, or guesses with a `start_time` below 1).
        Its scalar `host`, where there is one, becomes that of the samples: the place of a
        chunk's hosts among all hosts. Several guesses may have the same one.
    settings
        `SamplingSettings` as a mapping, with `SymmetrySettings` as `symmetry` and
        `FilterSettings` as `filter`.
    identity
        What makes the result, for caching: `version` of the package and the model's `sha256`.

    Returns
    -------
    mapping
        `structures`: the samples and, after them, proposals; and `trajectory` of the samples,
        if `record` in the settings asks for it. Hosts for which the walltime is too short are
        not among them, unless a trajectory is recorded, which is of all hosts or none.

    Raises
    ------
    MismatchError
        If package or model are not those that `identity` names.
    """
    from aiida_hpaint.science.diffusion import generate_recorded
    from aiida_hpaint.science.electrostatics.starting_points import renumber_samples
    from aiida_hpaint.science.funnel import winnow

    check_version(identity)
    values = dict(settings)
    symmetry = SymmetrySettings.model_validate(values.pop("symmetry", {}))
    filtering = FilterSettings.model_validate(values.pop("filter", {}))
    sampling = SamplingSettings.model_validate(values)
    check_model(sampling.generator, identity)
    places = structures.scalars.get("host")
    if places is not None and len(np.unique(places)) < len(places):
        # Several guesses of a host, whose samples are filtered together.
        drawn = renumber_samples(_placed(_drawn(structures, sampling), places))
        return {"structures": winnow(drawn, symmetry, filtering) if len(drawn) else drawn}
    if not sampling.record:
        drawn = _drawn(structures, sampling)
        samples = winnow(drawn, symmetry, filtering) if len(drawn) else drawn
        return {"structures": _placed(samples, places)}
    drawn, trajectory = generate_recorded(structures, sampling)
    if places is not None:
        trajectory = replace(trajectory, hosts=places[trajectory.hosts])
    samples = winnow(drawn, symmetry, filtering)
    return {"structures": _placed(samples, places), "trajectory": trajectory}


def relax_job(
    structures: StructureBatch, settings: Mapping[str, Any], identity: Mapping[str, Any]
) -> Result:
    """Relax the samples that are alive; the others pass through.

    Parameters
    ----------
    structures
        Samples.
    settings
        `relaxation`: `RelaxationSettings`, `potential`: `PotentialSettings` and, where only the
        lowest samples of each host are to be relaxed, `select`: the arguments of
        `select_lowest`. With `stage` "score" it is the short relaxation that chooses candidates.
    identity
        What makes the result, for caching: `version` of the package and the model's `sha256`.

    Returns
    -------
    mapping
        `structures`: the relaxed samples.

    Raises
    ------
    MismatchError
        If the package, or the potential's file, is not the one that `identity` names.
    """
    from aiida_hpaint.science.evaluation import select_lowest
    from aiida_hpaint.science.funnel import score
    from aiida_hpaint.science.relaxation import relax

    check_version(identity)
    relaxation = RelaxationSettings.model_validate(settings["relaxation"])
    potential = PotentialSettings.model_validate(settings["potential"])
    check_potential(potential, identity)
    if settings.get("stage") == "score":
        return {"structures": score(structures, relaxation, potential, deadline=deadline())}
    if settings.get("select") and not _resumes(structures, relaxation):
        structures = select_lowest(structures, **settings["select"])
    return {"structures": relax(structures, relaxation, potential, deadline=deadline())}


def check_version(identity: Mapping[str, Any]) -> None:
    """Refuse to run as another version than the one that provenance and caching will name.

    Raises
    ------
    MismatchError
        If the versions differ.
    """
    wanted = identity["version"]
    if wanted != __version__:
        raise MismatchError(
            f"aiida-hpaint {wanted} submitted this job, and its Python here has {__version__}:"
            " install the same version on both sides"
        )


def check_model(generator: str, identity: Mapping[str, Any]) -> None:
    """Refuse to sample with other weights than those that provenance and caching will name.

    Raises
    ------
    MismatchError
        If the model of that name or path has another sha256 here.
    """
    from aiida_hpaint.science.diffusion import find_model
    from aiida_hpaint.science.diffusion.models.cards import read_card

    wanted = identity.get("model", {}).get("sha256")
    if wanted is None:
        return
    found = read_card(find_model(generator)).sha256
    if found != wanted:
        raise MismatchError(
            f"model '{generator}' has the sha256 {found[:12]}... where the job runs, and "
            f"{wanted[:12]}... where it was submitted: fetch the same revision on both sides, or "
            "send the model along with --upload-model"
        )


def check_potential(potential: PotentialSettings, identity: Mapping[str, Any]) -> None:
    """Refuse to relax with another file than the one that provenance and caching will name.

    Raises
    ------
    MismatchError
        If the potential's file has another sha256 here.
    """
    from aiida_hpaint.science.relaxation import get_potential

    wanted = identity.get("model", {}).get("sha256")
    if wanted is None:
        return
    found = get_potential(potential).card.sha256
    if found != wanted:
        raise MismatchError(
            f"potential '{potential.name}': the file {potential.model} has the sha256 "
            f"{found[:12]}... where the job runs, and {wanted[:12]}... where it was submitted: "
            "copy the same file to both sides"
        )


def deadline() -> float | None:
    """Value of `time.monotonic()` at which the scheduler's time is used up; None without limit."""
    seconds = os.environ.get(WALLTIME_VARIABLE)
    return None if seconds is None else time.monotonic() + float(seconds)


def _drawn(hosts: StructureBatch, settings: SamplingSettings) -> StructureBatch:
    """Samples of all hosts, or of those that the walltime is long enough for."""
    from aiida_hpaint.science.diffusion import generate, generate_until

    until = deadline()
    return generate(hosts, settings) if until is None else generate_until(hosts, settings, until)


def _placed(samples: StructureBatch, places: Any) -> StructureBatch:
    """Samples of a chunk with the places of their hosts among all hosts."""
    if places is None:
        return samples
    return samples.with_scalars(host=places[samples.scalars["host"]])


def _resumes(structures: StructureBatch, settings: RelaxationSettings) -> bool:
    """Whether the last thing that happened to the samples is this stage, cut short."""
    stages = [record.get("stage") for record in structures.history]
    return stages[-1:] == [f"relax_{settings.moving}"]
