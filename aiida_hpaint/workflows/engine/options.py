"""Scheduler options (`metadata.options`) of jobs: defaults, those noted with a code, checks."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from aiida.orm import AbstractCode, Computer
from aiida_pythonjob import PythonJob

__all__ = [
    "DEFAULT_OPTIONS",
    "add_remembered_options",
    "check_options",
    "complete_job_options",
    "get_remembered_options",
    "remember_options",
]


def check_options(
    stage: str, given: Mapping[str, Any] | None, process: Any, computer: Computer | None = None
) -> None:
    """Refuse options that the jobs of a stage, of the class `process`, cannot have.

    Parameters
    ----------
    stage
        Named in messages.
    given
        `metadata.options`.
    process
        Class of the jobs.
    computer
        Where they run: its scheduler decides which resources there are.

    Raises
    ------
    ValueError
        If one is unknown or has a value that it cannot have; the message names stage and option.
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
"""Options of every job; small models on many cores are fastest with one thread a job."""


def complete_job_options(
    stage: str, given: Mapping[str, Any] | None, code: AbstractCode | None = None
) -> dict[str, Any]:
    """`DEFAULT_OPTIONS`, what the code of a stage remembers, and what is given for the stage.

    Raises
    ------
    ValueError
        If an option is unknown.
    """
    given = dict(given or {}) if code is None else add_remembered_options(code, given)
    check_options(stage, given, PythonJob, code.computer if code is not None else None)
    variables = {
        **DEFAULT_OPTIONS["environment_variables"],
        **given.get("environment_variables", {}),
    }
    return {**DEFAULT_OPTIONS, **given, "environment_variables": variables}


_EXTRA = "hpaint_options"


def get_remembered_options(code: AbstractCode) -> dict[str, Any]:
    """`metadata.options` that `aiida-hpaint setup codes` noted with a code."""
    return dict(code.base.extras.get(_EXTRA, None) or {})


def add_remembered_options(code: AbstractCode, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the given options and, where nothing is given, those that the code remembers.

    For those who submit: what is written into a plan does not change with the code's memory.
    """
    return {**get_remembered_options(code), **(given or {})}


def remember_options(code: AbstractCode, options: Mapping[str, Any]) -> None:
    """Note `metadata.options` with a code, in place of those that it had.

    They are an extra of the code's node, which may change; each job keeps those it had.
    """
    code.base.extras.set(_EXTRA, dict(options))
