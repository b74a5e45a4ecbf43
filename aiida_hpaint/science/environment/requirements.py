"""The packages that jobs need, from the metadata of this one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata

DISTRIBUTION = "aiida-hpaint"
DAEMON_ONLY = frozenset(
    {
        "aiida-core",
        "aiida-pseudo",
        "aiida-pythonjob",
        "aiida-quantumespresso",
        "aiida-workgraph",
        "jinja2",
        "matplotlib",
        "node-graph",
        "packaging",
        "psutil",
        "scikit-image",
    }
)
"""Packages that jobs do not need: reports and electrostatic peaks are made by the daemon."""

JOB_SCRIPT = ("cloudpickle",)
"""Packages that the script of a PythonJob imports."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"""\(?\s*(?:and\s+)?extra\s*==\s*['"]([\w.-]+)['"]\s*\)?""")


def list_remote_requirements(
    extras: Iterable[str] = ("ml",), leave_out: Iterable[str] = ()
) -> list[str]:
    """List what to install besides `pip install --no-deps aiida-hpaint` where only jobs run.

    Parameters
    ----------
    extras
        Extras of aiida-hpaint: "ml" for all jobs, "sampling" for computers that only sample, none
        where only relaxations run, with a potential that is installed separately.
    leave_out
        Names of packages to leave out, such as "nequip" where another potential is used.

    Returns
    -------
    list of strings
        Requirements in the syntax of pip, sorted, markers of other Python versions included.

    Raises
    ------
    ValueError
        If there is no such extra.
    """
    wanted, unwanted = set(extras), DAEMON_ONLY | {normalise_name(name) for name in leave_out}
    known = sorted(metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or ())
    for name in sorted(wanted.difference(known)):
        raise ValueError(f"aiida-hpaint has no extra {name!r}: there are {', '.join(known)}")
    found = set(JOB_SCRIPT) - unwanted
    for line in metadata.requires(DISTRIBUTION) or ():
        requirement, extra = _without_extra(line)
        if extra is not None and extra not in wanted:
            continue
        if read_package_name(requirement) not in unwanted:
            found.add(requirement)
    return sorted(found)


def read_package_name(requirement: str) -> str:
    """Return the normalised package name of a requirement."""
    found = _NAME.match(requirement)
    return normalise_name(found[0]) if found else ""


def normalise_name(name: str) -> str:
    """Return a package name in the normal form of PEP 503, by which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _without_extra(line: str) -> tuple[str, str | None]:
    """Split a requirement into one without the extra in its marker, and that extra."""
    requirement, _, marker = line.partition(";")
    extra = _EXTRA.search(marker)
    left = _EXTRA.sub("", marker).strip()
    if left.endswith(" and"):
        left = left.removesuffix(" and")
    whole = f"{requirement.strip()}; {left}" if left else requirement.strip()
    return whole, extra[1] if extra else None
