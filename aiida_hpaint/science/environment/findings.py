"""Finding: one line of what a check found, and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from aiida_hpaint import __version__

Status = Literal["ok", "missing", "differs", "broken", "note"]

OK: Status = "ok"
FETCH = "models fetch"
"""The command that needs more packages than jobs do."""


@dataclass(frozen=True)
class Finding:
    """What there is of one thing, what is needed, and how to come from one to the other.

    Attributes
    ----------
    item : string
        The thing.
    found : string
        What the other side has.
    needed : string
        What is needed, or what this side has.
    status : string
        "ok", "missing", "differs", "broken", or "note" for what nobody asked for.
    required : bool
        Whether jobs cannot run, or run wrong, unless it is mended.
    remedy : string
        A command, or a sentence, that mends it.
    packages : tuple of strings
        Requirements to install there, as pip takes them.
    """

    item: str
    found: str
    needed: str = ""
    status: Status = OK
    required: bool = True
    remedy: str = ""
    packages: tuple[str, ...] = ()

    @property
    def is_problem(self) -> bool:
        """Whether it has to be mended."""
        return self.required and self.status in ("missing", "differs", "broken")


def select_problems(findings: Iterable[Finding]) -> list[Finding]:
    """What has to be mended."""
    return [finding for finding in findings if finding.is_problem]


def list_remedies(findings: Sequence[Finding], python: str) -> list[str]:
    """What to do, each thing once: one installation for all packages, then the rest.

    Parameters
    ----------
    findings
        What a check found.
    python
        Path of the interpreter there.
    """
    bad = select_problems(findings)
    fetches = any(FETCH in found.remedy for found in bad)
    lacking = [found for found in findings if found in bad or (fetches and found.packages)]
    wanted = sorted({package for found in lacking for package in found.packages})
    first = [build_install_command(python, wanted)] if wanted else []
    return list(dict.fromkeys([*first, *(found.remedy for found in bad if found.remedy)]))


def build_install_command(python: str, requirements: Iterable[str]) -> str:
    """The command that installs requirements into the environment of an interpreter."""
    return shlex.join([python, "-m", "pip", "install", *requirements])


def build_own_install_command(python: str) -> str:
    """The command that installs this version of aiida-hpaint without what only daemons need."""
    name = f"aiida-hpaint=={__version__}"
    return shlex.join([python, "-m", "pip", "install", "--no-deps", name])


def shorten_hash(sha256: str | None) -> str:
    """The beginning of a sha256."""
    return f"sha256 {sha256[:12]}" if sha256 else ""
