"""Scheduler options that a code remembers: those of its jobs where a submission says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.orm import AbstractCode

__all__ = ["remember_options", "remembered_options", "with_remembered"]

_EXTRA = "hpaint_options"


def remembered_options(code: AbstractCode) -> dict[str, Any]:
    """`metadata.options` that `aiida-hpaint setup codes` noted with a code."""
    return dict(code.base.extras.get(_EXTRA, None) or {})


def with_remembered(code: AbstractCode, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is given for jobs of a code, and what the code remembers where nothing is given.

    For those who submit: what is written into a plan does not change with the code's memory.
    """
    return {**remembered_options(code), **(given or {})}


def remember_options(code: AbstractCode, options: Mapping[str, Any]) -> None:
    """Note `metadata.options` with a code, in place of those that it had.

    They are an extra of the code's node, which may change; each job keeps those it had.
    """
    code.base.extras.set(_EXTRA, dict(options))
