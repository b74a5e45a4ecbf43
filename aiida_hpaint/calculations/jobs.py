"""Functions of PythonJobs: they run on compute nodes, where AiiDA need not be installed."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Mapping
from typing import Any

from aiida_hpaint import __version__
from aiida_hpaint.science import recipe, stages
from aiida_hpaint.science.devices import list_devices, run_stage_on_devices
from aiida_hpaint.science.search import SearchInputs
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.start_up import begin_program
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import ACTIVE, SampleStatus
from aiida_hpaint.science.structures.trajectory import Trajectory

__all__ = [
    "AFTER",
    "STOPPED",
    "WALLTIME_VARIABLE",
    "MismatchError",
    "run_phases_job",
    "run_stage_job",
    "run_stages_job",
]

AFTER = "after_"
"""Start of the names of results of later stages that a job also ran, before that of the stage."""

STOPPED = "stopped"
"""Name of the result that says why a job has left later stages to jobs of their own."""

WALLTIME_VARIABLE = "AIIDA_HPAINT_WALLTIME"
"""Environment variable with the usable walltime of the job, s."""


class MismatchError(RuntimeError):
    """A package or model that differs from the one named in the inputs of the job."""


def run_stage_job(
    structures: StructureBatch,
    stage: str,
    settings: Mapping[str, Any],
    identity: Mapping[str, Any],
) -> dict[str, StructureBatch | Trajectory]:
    """Run one stage of the recipe within the walltime of the job.

    Parameters
    ----------
    structures
        Hosts for the sampling stage, samples for all others. In a chunk the scalar `host` is the
        index among all hosts.
    stage
        Name of the stage.
    settings
        Inputs of the stage from `recipe.plan_stages`, as a mapping.
    identity
        Inputs that determine the result, for caching: `version` of the package and the model's
        `sha256`.

    Returns
    -------
    mapping
        `structures`: samples; the sampling stage returns those of the hosts that it finished
        within the walltime. `trajectory`: recording, if the settings ask for it.

    Raises
    ------
    MismatchError
        If package, model or potential differ from `identity`.
    """
    begin_program()
    return _run_stage(structures, stage, settings, identity, deadline())


def run_stages_job(
    structures: StructureBatch,
    stage: str,
    settings: Mapping[str, Any],
    identity: Mapping[str, Any],
    later: Mapping[str, Any],
) -> dict[str, StructureBatch | Trajectory | str]:
    """Run one stage like `run_stage_job`, and go on with later stages while nothing is left over.

    Each stage has the inputs and gives the results of a job of its own. What fails or does not fit
    into the walltime is left to such jobs, which say why.

    Parameters
    ----------
    structures, stage, settings, identity
        As for `run_stage_job`.
    later
        `stages`: list of mappings with `stage`, `settings` and `identity` of the stages that
        follow, in their order.

    Returns
    -------
    mapping
        Results of `run_stage_job`; `after_NAME`: samples after each later stage that was run; and
        `stopped`: why stages are left over, if any is.
    """
    begin_program()
    until = deadline()
    results: dict[str, Any] = _run_stage(structures, stage, settings, identity, until)
    samples = results["structures"]
    if set(structures.host_indices.tolist()) > set(samples.host_indices.tolist()):
        return {**results, STOPPED: "its walltime ended before all hosts had samples"}
    for step in later["stages"]:
        statuses = {SampleStatus(str(status)) for status in samples.scalars["status"]}
        if not statuses & ACTIVE:
            break
        is_late = until is not None and time.monotonic() >= until
        if is_late or SampleStatus.UNFINISHED in statuses:
            results[STOPPED] = "its walltime ended"
            break
        try:
            found = _run_stage(samples, step["stage"], step["settings"], step["identity"], until)
        except Exception as error:
            traceback.print_exc()
            reason = traceback.format_exception_only(error)[-1].strip()
            results[STOPPED] = f"{step['stage']} failed: {reason}"
            break
        samples = results[f"{AFTER}{step['stage']}"] = found["structures"]
    return results


def _run_stage(
    structures: StructureBatch,
    stage: str,
    settings: Mapping[str, Any],
    identity: Mapping[str, Any],
    until: float | None,
) -> dict[str, Any]:
    check_version(identity)
    inputs = recipe.find_stage(stage).inputs.model_validate(dict(settings))
    if isinstance(inputs, stages.SamplingInputs):
        check_model(inputs.generator, identity)
    if isinstance(inputs, stages.RelaxationInputs | SearchInputs):
        check_potential(inputs.potential, identity)
    if isinstance(inputs, SearchInputs) and inputs.needs_generator:
        check_model(inputs.sampling.generator, {"model": identity.get("generator", {})})
    result = run_stage_on_devices(stage, structures, inputs, until, list_devices())
    if result.trajectory is None:
        return {"structures": result.structures}
    return {"structures": result.structures, "trajectory": result.trajectory}


def run_phases_job(
    structures: StructureBatch, settings: Mapping[str, Any], identity: Mapping[str, Any]
) -> dict[str, StructureBatch]:
    """Relax competing phases and their cells.

    Parameters
    ----------
    structures
        Phases from `make_phase_batch`.
    settings
        `potential`: `PotentialSettings`.
    identity
        Inputs that determine the result, for caching: `version` of the package and the model's
        `sha256`.

    Returns
    -------
    mapping
        `structures`: the relaxed phases with their energies.
    """
    from aiida_hpaint.science.counting.phases import relax_phases
    from aiida_hpaint.science.relaxation import get_potential

    check_version(identity)
    potential = get_potential(PotentialSettings.model_validate(settings["potential"]))
    return {"structures": relax_phases(structures, potential)}


def check_version(identity: Mapping[str, Any]) -> None:
    """Refuse to run with another version of the package than provenance and caching name.

    Raises
    ------
    MismatchError
        If the versions differ.
    """
    wanted = identity["version"]
    if wanted != __version__:
        raise MismatchError(
            f"aiida-hpaint {wanted} submitted this job, but its Python has {__version__}: install"
            " the same version on both computers"
        )


def check_model(generator: str, identity: Mapping[str, Any]) -> None:
    """Refuse to sample with other weights than provenance and caching name.

    Raises
    ------
    MismatchError
        If the model with that name or path has another sha256.
    """
    from aiida_hpaint.science.diffusion import identify_generator

    wanted = identity.get("model", {}).get("sha256")
    if wanted is None:
        return
    found = identify_generator(generator).get("sha256", "")
    if found != wanted:
        raise MismatchError(
            f"model '{generator}' has the sha256 {found[:12]}... where the job runs, and "
            f"{wanted[:12]}... where it was submitted: fetch the same revision on both computers, "
            "or send the model along with --upload-model"
        )


def check_potential(potential: PotentialSettings, identity: Mapping[str, Any]) -> None:
    """Refuse to relax with another file of the potential than provenance and caching name.

    Raises
    ------
    MismatchError
        If the file has another sha256.
    """
    from aiida_hpaint.science.relaxation import get_potential

    wanted = identity.get("model", {}).get("sha256")
    if wanted is None:
        return
    found = get_potential(potential).card.sha256
    if found != wanted:
        raise MismatchError(
            f"potential '{potential.name}': the file {potential.model} has the sha256 "
            f"{str(found)[:12]}... where the job runs, and {wanted[:12]}... where it was "
            "submitted: copy the same file to both computers, or send it along with "
            "--upload-potential"
        )


def deadline() -> float | None:
    """Return the `time.monotonic()` at which the walltime is used up; None without a limit."""
    seconds = os.environ.get(WALLTIME_VARIABLE)
    return None if seconds is None else time.monotonic() + float(seconds)
