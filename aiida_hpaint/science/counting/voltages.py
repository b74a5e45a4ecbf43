"""Voltages at which ions of a metal go into a host, from its stable numbers of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = ["CHARGES", "Plateau", "describe_plateaus", "find_plateaus", "format_voltages_csv"]

CHARGES = {"Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Mg": 2, "Ca": 2, "Zn": 2, "Al": 3}
"""Charge of the ions that batteries work with."""


@dataclass(frozen=True)
class Plateau:
    """Numbers of ions between which a host is a mixture of two phases, at one voltage.

    Attributes
    ----------
    low, high
        Ions in the cell at both ends.
    voltage
        Against the metal, in V; entropy and pressure are left out.
    """

    low: int
    high: int
    voltage: float


def find_plateaus(found: Mapping[str, Any]) -> list[Plateau]:
    """Find the voltage curve of a host, from the JSON of a `CountingResult`.

    The mean voltage between two stable numbers is -(E(high) - E(low) - (high - low) E(metal)) /
    (z (high - low)) (Aydinol et al., Phys. Rev. B 56, 1354 (1997)): the chemical potential at which
    both are stable, against the metal. For other elements than those of `CHARGES` it is empty.
    """
    charge = CHARGES.get(str(found["element"]))
    if charge is None:
        return []
    windows = {
        int(each["count"]): each["window"] for each in found["counts"] if each["window"] is not None
    }
    return [
        Plateau(low, high, -float(windows[low][1]) / charge)
        for low, high in pairwise(sorted(windows))
    ]


def describe_plateaus(found: Mapping[str, Any]) -> str:
    """Return the voltage curve as a line; empty without any.

    Examples
    --------
    "Voltage against Li: 3.94 V from 0 to 2 Li, 3.51 V from 2 to 4 Li"
    """
    element = found["element"]
    parts = [
        f"{each.voltage:.2f} V from {each.low} to {each.high} {element}"
        for each in find_plateaus(found)
    ]
    return f"Voltage against {element}: {', '.join(parts)}" if parts else ""


def format_voltages_csv(found: Mapping[str, Any]) -> str:
    """Return the voltage curve as CSV, both ends of each plateau: a line to plot."""
    lines = ["ions,voltage"]
    for each in find_plateaus(found):
        lines += [f"{count},{each.voltage:.4f}" for count in (each.low, each.high)]
    return "\n".join(lines) + "\n"
