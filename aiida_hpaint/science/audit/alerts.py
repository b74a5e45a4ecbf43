"""Alerts and their levels, which are those of checkCIF (Spek, Acta Cryst. E76, 1 (2020))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["A", "B", "C", "G"]
"""A: most likely a serious problem; B: potentially serious; C: worth a look; G: information."""


@dataclass(frozen=True, order=True)
class Alert:
    """What is doubtful about the hydrogen of a structure.

    Attributes
    ----------
    level
        How serious it is.
    name
        What is the matter, in a few words.
    detail
        The sites and values.
    """

    level: Level
    name: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """Return the alert as JSON."""
        return {"level": self.level, "name": self.name, "detail": self.detail}
