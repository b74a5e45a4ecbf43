"""Voltage curves from stable numbers of ions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.analysis.phase_diagram import PDEntry
from pymatgen.apps.battery.insertion_battery import InsertionElectrode
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedStructureEntry

from aiida_hpaint.science.counting.stability import find_stability_windows
from aiida_hpaint.science.counting.voltages import (
    Plateau,
    describe_plateaus,
    find_plateaus,
    format_voltages_csv,
)

METAL = -1.9
"""Energy of the metal, eV per atom."""


def count(energies: dict[int, float], element: str = "Li") -> dict[str, Any]:
    """Return the part of the JSON of a count that voltages follow from."""
    windows = find_stability_windows(energies, METAL)
    rows = []
    for number in energies:
        window = windows.get(number)
        edges = None if window is None else list(asdict(window).values())
        finite = None if edges is None else [e if np.isfinite(e) else None for e in edges]
        rows.append({"count": number, "window": finite})
    return {"element": element, "counts": rows[::-1]}


def test_a_mixture_has_one_voltage_and_stable_numbers_end_it() -> None:
    # Half full is stable, a quarter and three quarters are not.
    found = count({0: -30.0, 1: -35.0, 2: -41.8, 3: -46.0, 4: -52.8})
    assert find_plateaus(found) == [
        Plateau(0, 2, pytest.approx(4.0)),
        Plateau(2, 4, pytest.approx(3.6)),
    ]
    line = describe_plateaus(found)
    assert line == "Voltage against Li: 4.00 V from 0 to 2 Li, 3.60 V from 2 to 4 Li"
    curve = ["ions,voltage", "0,4.0000", "2,4.0000", "2,3.6000", "4,3.6000"]
    assert format_voltages_csv(found).splitlines() == curve


def test_ions_of_two_charges_have_half_the_voltage() -> None:
    energies = {0: -30.0, 1: -35.9}
    assert find_plateaus(count(energies, "Mg")) == [Plateau(0, 1, pytest.approx(2.0))]
    assert find_plateaus(count(energies, "H")) == []
    assert describe_plateaus(count(energies, "H")) == ""


@given(st.lists(st.floats(-6.0, 0.0), min_size=2, max_size=4))
def test_voltages_are_those_of_pymatgen(steps: list[float]) -> None:
    energies = dict(enumerate(np.cumsum([-30.0, *steps]).tolist()))
    plateaus = find_plateaus(count(energies))
    entries = [
        ComputedStructureEntry(
            Structure(Lattice.cubic(6), ["Co"] * 4 + ["Li"] * n, np.random.rand(4 + n, 3)), energy
        )
        for n, energy in energies.items()
    ]
    metal = ComputedStructureEntry(Structure(Lattice.cubic(3), ["Li"], [[0, 0, 0]]), METAL)
    assert PDEntry(Composition("Li"), METAL).energy == metal.energy
    positive = [each for each in plateaus if each.voltage > 1e-6]
    if len(positive) < len(plateaus) or not plateaus:
        return  # hosts that would rather have no ion: no battery
    battery = InsertionElectrode.from_entries(entries, metal)
    assert battery.max_voltage == pytest.approx(plateaus[0].voltage, abs=1e-6)
    assert battery.min_voltage == pytest.approx(plateaus[-1].voltage, abs=1e-6)
