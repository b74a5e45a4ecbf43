"""Packages that only come with an extra of aiida-hpaint, named where they are missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, requires

__all__ = ["describe_missing_extra", "name_missing_extra"]

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+).*;.*extra\s*==\s*['\"]([a-z0-9-]+)['\"]")

_PREFERRED = ("ml", "d3", "sampling")
"""Extras for users, the one that helps most first."""


def describe_missing_extra(error: ImportError) -> str:
    """Return which extra of aiida-hpaint has the package that could not be imported, or nothing."""
    module = (error.name or "").partition(".")[0]
    extras = _find_extras().get(module.replace("_", "-").lower(), frozenset())
    extra = next((one for one in _PREFERRED if one in extras), None)
    if not isinstance(error, ModuleNotFoundError) or extra is None:
        return ""
    return (
        f"this needs the package {module}, which is not installed here: "
        f"pip install 'aiida-hpaint[{extra}]'"
    )


@contextmanager
def name_missing_extra() -> Iterator[None]:
    """Name the extra in the message of a ModuleNotFoundError that passes through.

    Raises
    ------
    ModuleNotFoundError
        If a package of an extra is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = describe_missing_extra(error)
        if not message:
            raise
        raise ModuleNotFoundError(message, name=error.name, path=error.path) from error


@cache
def _find_extras() -> dict[str, frozenset[str]]:
    """Return the extras that bring each package, by its normalized name."""
    try:
        found = [match for one in requires("aiida-hpaint") or () if (match := _match(one))]
    except PackageNotFoundError:
        return {}
    names = {name for name, _ in found}
    return {name: frozenset(extra for one, extra in found if one == name) for name in names}


def _match(requirement: str) -> tuple[str, str] | None:
    found = _REQUIREMENT.match(requirement)
    return None if found is None else (found[1].replace("_", "-").lower(), found[2])
