"""Overrides of a restoration that are inputs of its processes and not settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.orm import Data, Dict, Int

from aiida_hpaint.data.labels import label_node
from aiida_hpaint.science.recipe import STAGES
from aiida_hpaint.workflows.engine.handlers import check_handler_overrides

__all__ = [
    "check_process_overrides",
    "override_stages",
    "refuse_overrides_of_pw",
    "split_restore_overrides",
]

_LIMITS = ("max_jobs", "max_failures")
"""Inputs of StageWorkChain that overrides may name beside settings and `handler_overrides`."""

_HANDLERS, _VALIDATION = "handler_overrides", "validation"


def split_restore_overrides(
    overrides: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split overrides of a restoration into those of settings, and those of its processes.

    The latter are `max_jobs`, `max_failures` and `handler_overrides` of all its stages, and what
    reaches into PwBaseWorkChain inside `validation`; see `split_overrides`.

    Returns
    -------
    Values of settings, and `nested` of `build_restore`.

    Raises
    ------
    ValueError
        If a limit is not a positive integer, or there is no such handler or key of PwBaseWorkChain.
    """
    given = dict(overrides or {})
    nested = {key: given.pop(key) for key in (*_LIMITS, _HANDLERS) if key in given}
    for name in _LIMITS:
        if name in nested and not (type(nested[name]) is int and nested[name] > 0):
            raise ValueError(f"{name}: give a positive integer, not {nested[name]!r}")
    if problem := check_handler_overrides(Dict(nested.get(_HANDLERS, {})), None):
        raise ValueError(f"{_HANDLERS}: {problem}")
    if isinstance(given.get(_VALIDATION), Mapping):
        from aiida_hpaint.workflows.dft.inputs import split_overrides  # the packages of pw.x

        given[_VALIDATION], pw = split_overrides(given[_VALIDATION])
        if pw:
            nested[_VALIDATION] = pw
    return given, nested


def check_process_overrides(overrides: Dict | None, port: Any) -> str | None:
    """Return what is wrong with overrides of processes, as validators of ports do."""
    given = overrides.get_dict() if overrides else {}
    known = (*_LIMITS, _HANDLERS, _VALIDATION)
    for name in given:
        if name not in known:
            return (
                f"there is no {name!r}: choose from {', '.join(known)}; settings are another input"
            )
    try:
        split_restore_overrides({name: given[name] for name in given if name != _VALIDATION})
    except ValueError as error:
        return str(error)
    return None


def override_stages(plan: dict[str, Any], nested: Mapping[str, Any]) -> None:
    """Add `max_jobs`, `max_failures` and `handler_overrides` to each stage of a plan."""
    inputs: dict[str, Data] = {name: Int(nested[name]) for name in _LIMITS if name in nested}
    if nested.get(_HANDLERS):
        inputs[_HANDLERS] = label_node(Dict(nested[_HANDLERS]), "overrides of error handlers")
    for stage in STAGES:
        if stage.name in plan:
            plan[stage.name] |= inputs


def refuse_overrides_of_pw(nested: Mapping[str, Any], reason: str) -> None:
    """Refuse overrides of PwBaseWorkChain where no pw.x would run.

    Raises
    ------
    ValueError
        If there are any; it names the reason.
    """
    if found := nested.get(_VALIDATION):
        names = ", ".join(sorted(found))
        raise ValueError(
            f"{_VALIDATION}: overrides of pw.x ({names}) change nothing here: {reason}"
        )
