"""Problems of hosts, each with host, site, reason and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiida_hpaint.science.structures.safe_text import escape_control_characters
from aiida_hpaint.science.types import HpaintWarning


class IsotopeWarning(HpaintWarning):
    """Warning that deuterium or tritium was read and is treated as hydrogen."""


@dataclass(frozen=True)
class HostProblem:
    """Problem of one structure.

    Attributes
    ----------
    label : str
        The structure: its label, or the file it comes from.
    reason : str
        What is wrong, with the value that is.
    remedy : str
        How to solve it.
    site : str or None
        The site, as `name_site` writes it; None where the whole structure is meant.
    """

    label: str
    reason: str
    remedy: str
    site: str | None = None

    def __str__(self) -> str:
        where = self.label if self.site is None else f"{self.label}, {self.site}"
        return escape_control_characters(f"{where}: {self.reason}. {self.remedy}.")


class HostError(ValueError):
    """Error of structures that cannot serve as hosts.

    Attributes
    ----------
    problems : tuple of HostProblem
        All problems of all structures that were checked.
    """

    def __init__(self, problems: HostProblem | Iterable[HostProblem]) -> None:
        found = (problems,) if isinstance(problems, HostProblem) else tuple(problems)
        # Only `args` is pickled, and errors of jobs have to keep their problems.
        super().__init__(found)
        self.problems = found

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class RecordError(HostError):
    """Error of one record of a file, with what the file says of it nevertheless.

    Attributes
    ----------
    name : str
        Name of its data block.
    formulas, units
        Its chemical formulas and Z, as those of `Record`.
    """

    def __init__(
        self,
        problems: HostProblem | Iterable[HostProblem],
        name: str = "",
        formulas: Mapping[str, str] | None = None,
        units: float | None = None,
    ) -> None:
        super().__init__(problems)
        self.name = name
        self.formulas = dict(formulas or {})
        self.units = units


def make_host_error(label: str, reason: str, remedy: str, site: str | None = None) -> HostError:
    """Make a HostError with one problem."""
    return HostError(HostProblem(label, reason, remedy, site))


def name_site(index: int, symbol: str) -> str:
    """Name a site for messages: counted from one, with its element."""
    return f"site {index + 1} ({symbol})"
