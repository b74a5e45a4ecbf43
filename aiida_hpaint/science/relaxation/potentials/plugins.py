"""Potentials of other packages, which register them through an entry point.

A package adds potentials without a change of aiida-hpaint by an entry point of the group
`hpaint.potentials`, in its `pyproject.toml`:

    [project.entry-points."hpaint.potentials"]
    my-potential = "my_package.hpaint:POTENTIALS"

where `POTENTIALS` is a `PotentialInfo` or a sequence of them. The name of the entry point itself
does not matter. Every listing of the potentials imports that module, so it must be light: what
needs torch or reads weights belongs into the module that `PotentialInfo.loader` names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

from aiida_hpaint.science.relaxation.potentials.base import PotentialInfo

ENTRY_POINTS = "hpaint.potentials"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LOADER = re.compile(r"[\w.]+:\w+")


@dataclass(frozen=True)
class RegisteredPotentials:
    """Potentials of other packages, and why some of them cannot be used.

    Attributes
    ----------
    potentials : tuple of PotentialInfo
        Sorted by package and entry point.
    problems : tuple of strings
        One message for each entry point or potential that was left out.
    """

    potentials: tuple[PotentialInfo, ...]
    problems: tuple[str, ...]


def read_entry_points(reserved: Iterable[str]) -> RegisteredPotentials:
    """Read the potentials that the installed packages register.

    An entry point that fails takes no other one with it. A name that two packages claim belongs to
    neither, since an installation must never change which potential computes an energy.

    Parameters
    ----------
    reserved
        Names of the potentials of aiida-hpaint itself, which no package can replace.
    """
    potentials: list[PotentialInfo] = []
    problems: list[str] = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda e: (_provider(e), e.name)):
        try:
            potentials += _load_entry_point(entry)
        except Exception as error:  # importing the code of others can raise anything
            problems.append(
                f"the potentials that the package {_provider(entry)} registers as {entry.name!r} "
                f"({entry.value}) cannot be used ({type(error).__name__}: {error}): "
                "update or remove that package"
            )
    own = set(reserved)
    counts = Counter(info.name for info in potentials)
    for name in sorted(counts):
        claimed = [info.provider for info in potentials if info.name == name]
        if name in own:
            problems.append(
                f"the package {claimed[0]} registers a potential {name!r}, which is a name of "
                "aiida-hpaint's own: it is ignored"
            )
        elif len(claimed) > 1:
            problems.append(
                f"the potential {name!r} is registered more than once, by {', '.join(claimed)}: "
                "none of them is used until all but one are removed"
            )
    usable = [info for info in potentials if counts[info.name] == 1 and info.name not in own]
    return RegisteredPotentials(tuple(usable), tuple(problems))


def _load_entry_point(entry: EntryPoint) -> list[PotentialInfo]:
    """Return the potentials of one entry point, with the package that registers them.

    Raises
    ------
    TypeError, ValueError
        If it holds anything else. What the import raises is passed on.
    """
    value = entry.load()
    found = [value] if isinstance(value, PotentialInfo) else list(value)
    for info in found:
        if not isinstance(info, PotentialInfo):
            raise TypeError(f"{info!r} is not a PotentialInfo")
        if not _NAME.fullmatch(info.name):
            raise ValueError(
                f"{info.name!r} is not a name of lower-case letters, digits, '.', '_' and '-'"
            )
        if not _LOADER.fullmatch(info.loader):
            raise ValueError(f"the loader {info.loader!r} of {info.name} is not 'module:function'")
    return [replace(info, provider=_provider(entry)) for info in found]


def _provider(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "?"
