"""Scheduler options (`metadata.options`) of jobs: defaults, options saved with codes, checks."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from aiida.orm import AbstractCode, Computer
from aiida_pythonjob import PythonJob

__all__ = [
    "DEFAULT_OPTIONS",
    "add_saved_options",
    "check_options",
    "complete_job_options",
    "get_saved_options",
    "save_options",
]


def check_options(
    stage: str, given: Mapping[str, Any] | None, process: Any, computer: Computer | None = None
) -> None:
    """Refuse options that jobs of a class cannot have.

    Parameters
    ----------
    stage
        Name of the stage in error messages.
    given
        `metadata.options`.
    process
        Class of the jobs.
    computer
        Computer whose scheduler checks the resources; None to skip this check.

    Raises
    ------
    ValueError
        If an option is unknown or has an invalid value.
    """
    known: Any = process.spec().inputs["metadata"]["options"]
    for key in (given or {}).keys() - set(known):
        close = get_close_matches(key, known, n=1)
        hint = (
            f"did you mean {close[0]}?" if close else "see `verdi plugin list aiida.calculations`"
        )
        raise ValueError(f"options of {stage}: there is no option {key!r}: {hint}")
    for key, value in (given or {}).items():
        _check_value(stage, key, value, known[key], computer)


def _check_value(stage: str, key: str, value: Any, port: Any, computer: Computer | None) -> None:
    kinds = port.valid_type if isinstance(port.valid_type, tuple) else (port.valid_type,)
    if not isinstance(value, kinds):
        names = " or ".join(kind.__name__ for kind in kinds if kind is not type(None))
        raise ValueError(f"options of {stage}: {key} is {value!r}, and has to be {names}")
    if key == "resources" and computer is not None:
        scheduler: Any = computer.get_scheduler()
        asked = dict(value)
        scheduler.preprocess_resources(asked, computer.get_default_mpiprocs_per_machine())
        try:
            scheduler.validate_resources(**asked)
        except (TypeError, ValueError) as error:
            raise ValueError(f"options of {stage}: resources: {error}") from None


DEFAULT_OPTIONS: Mapping[str, Any] = {
    "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
    "environment_variables": {"OMP_NUM_THREADS": "1"},
    "withmpi": False,
}
"""Options of all jobs. With small models, many jobs of one thread use a machine best."""


def complete_job_options(
    stage: str, given: Mapping[str, Any] | None, code: AbstractCode | None = None
) -> dict[str, Any]:
    """Add the options saved with a code, and `DEFAULT_OPTIONS`, to those given for a stage.

    Raises
    ------
    ValueError
        If an option is unknown or invalid.
    """
    given = dict(given or {}) if code is None else add_saved_options(code, given)
    check_options(stage, given, PythonJob, code.computer if code is not None else None)
    variables = {
        **DEFAULT_OPTIONS["environment_variables"],
        **given.get("environment_variables", {}),
    }
    return {**DEFAULT_OPTIONS, **given, "environment_variables": variables}


_EXTRA = "hpaint_options"


def get_saved_options(code: AbstractCode) -> dict[str, Any]:
    """Return the `metadata.options` that `aiida-hpaint setup codes` saved with a code."""
    return dict(code.base.extras.get(_EXTRA, None) or {})


def add_saved_options(code: AbstractCode, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Add the options saved with a code to given ones, which take precedence.

    Builders call this when they make a plan, which later changes of the code do not affect.
    """
    return {**get_saved_options(code), **(given or {})}


def save_options(code: AbstractCode, options: Mapping[str, Any]) -> None:
    """Save `metadata.options` with a code, in place of earlier ones.

    They are an extra of the code, which may change; each job stores the options that it used.
    """
    code.base.extras.set(_EXTRA, dict(options))
