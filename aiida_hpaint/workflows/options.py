"""Scheduler options, checked before anything is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

__all__ = ["check_options"]


def check_options(stage: str, given: Mapping[str, Any] | None, process: Any) -> None:
    """Refuse options that the jobs of a stage, of the class `process`, do not know.

    Raises
    ------
    ValueError
        If there is one; the message names stage and option.
    """
    known: Any = process.spec().inputs["metadata"]["options"]
    for key in (given or {}).keys() - set(known):
        close = get_close_matches(key, known, n=1)
        hint = (
            f"did you mean {close[0]}?" if close else "see `verdi plugin list aiida.calculations`"
        )
        raise ValueError(f"options of {stage}: there is no option {key!r}: {hint}")
