"""The findings of a check, and the commands that solve the problems among them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from aiida_hpaint import __version__

Status = Literal["ok", "missing", "differs", "broken", "note"]

OK: Status = "ok"
FETCH = "models fetch"
"""Command that needs packages that jobs do not."""


@dataclass(frozen=True)
class Finding:
    """One line of a check: what was found, what is needed, and what to do about it.

    Attributes
    ----------
    item : string
        Subject: a package, a model, a resource.
    found : string
        What the remote computer has.
    needed : string
        What jobs need, or what the local machine has.
    status : string
        "ok", "missing", "differs", "broken", or "note" for things that jobs do not need.
    required : bool
        Whether jobs fail, or compute something else, without it.
    remedy : string
        Command or sentence that says what to do.
    packages : tuple of strings
        Requirements to install on the remote computer, in the syntax of pip.
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
        """Whether jobs cannot run until this is fixed."""
        return self.required and self.status in ("missing", "differs", "broken")


def select_problems(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that have to be fixed."""
    return [finding for finding in findings if finding.is_problem]


def list_remedies(findings: Sequence[Finding], python: str) -> list[str]:
    """Return the remedies, each once: one installation of all packages, then the others.

    Parameters
    ----------
    findings
        Findings of one check.
    python
        Path of the remote interpreter.
    """
    bad = select_problems(findings)
    fetches = any(FETCH in found.remedy for found in bad)
    lacking = [found for found in findings if found in bad or (fetches and found.packages)]
    wanted = sorted({package for found in lacking for package in found.packages})
    first = [build_install_command(python, wanted)] if wanted else []
    return list(dict.fromkeys([*first, *(found.remedy for found in bad if found.remedy)]))


def build_install_command(python: str, requirements: Iterable[str]) -> str:
    """Return the command that installs requirements into the environment of an interpreter."""
    return shlex.join([python, "-m", "pip", "install", *requirements])


def build_own_install_command(python: str) -> str:
    """Return the command that installs this version of aiida-hpaint, without dependencies."""
    wheel = f"aiida_hpaint-{__version__}-py3-none-any.whl"
    command = shlex.join([python, "-m", "pip", "install", "--no-deps", wheel])
    return f"{command}  # `pip wheel --no-deps .` in its checkout makes this file"


def shorten_hash(sha256: str | None) -> str:
    """Return the first digits of a hash for display; empty without a hash."""
    return f"sha256 {sha256[:12]}" if sha256 else ""
