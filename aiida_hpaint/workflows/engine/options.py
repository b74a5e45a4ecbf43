"""Scheduler options, checked before anything is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from aiida.orm import Computer

__all__ = ["check_options"]


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
