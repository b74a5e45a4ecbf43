"""Measured powder patterns: columns of text (.xy, .xye, .dat, .csv), and powder blocks of CIFs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from aiida_hpaint.science.structures.errors import make_host_error
from aiida_hpaint.science.structures.reading.cif_syntax import parse_document
from aiida_hpaint.science.structures.reading.numbers import parse_number
from aiida_hpaint.science.structures.reading.text import read_source_text
from aiida_hpaint.science.types import FloatArray

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["Measurement", "read_measurement"]

_LEAST_POINTS = 20

_ANGLES = ("_pd_proc_2theta_corrected", "_pd_meas_2theta_scan")
_RANGES = ("_pd_proc_2theta_range_", "_pd_meas_2theta_range_")
_INTENSITIES = (
    "_pd_meas_counts_total",
    "_pd_meas_intensity_total",
    "_pd_proc_intensity_total",
    "_pd_proc_intensity_net",
)


@dataclass(frozen=True)
class Measurement:
    """A measured powder pattern.

    Attributes
    ----------
    two_theta : (G,)
        Angles 2θ in degrees, ascending.
    intensities : (G,)
        Counts, or what is proportional to them.
    errors : (G,)
        Their standard uncertainties.
    kind
        Radiation, if the file says which.
    wavelength
        Å, if the file says it.
    notes
        What was assumed.
    """

    two_theta: FloatArray
    intensities: FloatArray
    errors: FloatArray
    kind: Literal["x-ray", "neutron"] | None = None
    wavelength: float | None = None
    notes: tuple[str, ...] = ()

    def cut(self, low: float, high: float) -> Measurement:
        """Return the points between two angles 2θ, degrees.

        Raises
        ------
        ValueError
            If hardly any are left.
        """
        inside = (self.two_theta >= low) & (self.two_theta <= high)
        if inside.sum() < _LEAST_POINTS:
            raise ValueError(
                f"{inside.sum()} measured points are between {low:g} and {high:g}°: give a range "
                f"within {self.two_theta[0]:g} and {self.two_theta[-1]:g}°"
            )
        return replace(
            self,
            two_theta=self.two_theta[inside],
            intensities=self.intensities[inside],
            errors=self.errors[inside],
        )


def read_measurement(path: Path) -> Measurement:
    """Read a measured powder pattern.

    Text files have the columns 2θ, intensity and, if known, its standard uncertainty; lines that do
    not begin with two numbers are passed over. Of a CIF the first block with a pattern is read.

    Raises
    ------
    HostError
        If the file holds no such pattern.
    """
    source = read_source_text(path)
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(".cif"):
        return _make_measurement(path.name, _read_columns(source.text), source.notes)
    document, notes = parse_document(path.name, source.text)
    for block in document:
        table = _read_block(block)
        if table is not None:
            found = _make_measurement(path.name, table, (*source.notes, *notes))
            return _add_radiation(found, block)
    reason = "it has no powder pattern: no loop with angles (or their range) and intensities"
    raise make_host_error(path.name, reason, f"Give {_ANGLES[0]} and {_INTENSITIES[0]}")


def _read_columns(text: str) -> FloatArray:
    """Return the (G, 2 or 3) numbers of a text file."""
    rows: list[list[float]] = []
    for line in text.splitlines():
        numbers: list[float] = []
        for word in line.replace(",", " ").replace(";", " ").split()[:3]:
            try:
                numbers.append(float(word))
            except ValueError:
                break
        if len(numbers) >= 2:
            rows.append(numbers)
    width = min((len(row) for row in rows), default=2)
    return np.array([row[:width] for row in rows], dtype=np.float64).reshape(len(rows), width)


def _read_block(block: cif.Block) -> FloatArray | None:
    """Return (G, 2) angles and intensities of a CIF block, None if it has no pattern."""
    columns = {name: block.find_values(name) for name in (*_ANGLES, *_INTENSITIES)}
    values = next((columns[name] for name in _INTENSITIES if len(columns[name])), None)
    if values is None:
        return None
    intensities = np.array([_to_number(text) for text in values])
    angles = next((columns[name] for name in _ANGLES if len(columns[name])), None)
    if angles is not None:
        positions = np.array([_to_number(text) for text in angles])
    else:
        ends = _read_range(block)
        if ends is None:
            return None
        positions = np.linspace(*ends, len(intensities))
    return np.stack([positions, intensities], axis=1) if len(positions) == len(values) else None


def _read_range(block: cif.Block) -> tuple[float, float] | None:
    """Return the first and the last angle of a pattern in constant steps."""
    for name in _RANGES:
        low, high = (parse_number(block.find_value(f"{name}{end}")) for end in ("min", "max"))
        if low is not None and high is not None:
            return low, high
    return None


def _to_number(text: str) -> float:
    value = parse_number(text)
    return np.nan if value is None else value


def _make_measurement(name: str, table: FloatArray, notes: tuple[str, ...]) -> Measurement:
    """Check angles and intensities, and estimate errors where none are given."""
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < _LEAST_POINTS:
        reason = f"it has {len(table)} points of a powder pattern"
        raise make_host_error(name, reason, "Give columns of 2θ in degrees and intensity")
    table = table[np.argsort(table[:, 0], kind="stable")]
    if not (table[0, 0] >= 0 and table[-1, 0] <= 180 and table[:, 1].max() > 0):
        reason = f"its angles reach from {table[0, 0]:g} to {table[-1, 0]:g}"
        raise make_host_error(name, reason, "Give 2θ between 0 and 180°, and positive intensities")
    if table.shape[1] > 2 and (table[:, 2] > 0).all():
        return Measurement(table[:, 0], table[:, 1], table[:, 2], notes=notes)
    # What is far below the strongest point is background noise even where nothing was counted.
    floor = max(1.0, 1e-4 * table[:, 1].max())
    errors = np.sqrt(np.maximum(table[:, 1], floor))
    note = "Uncertainties are not given: those of counts were assumed (the square root)."
    return Measurement(table[:, 0], table[:, 1], errors, notes=(*notes, note))


def _add_radiation(measurement: Measurement, block: cif.Block) -> Measurement:
    """Add what the CIF says of the radiation."""
    wavelengths = block.find_values("_diffrn_radiation_wavelength")
    probe = (
        f"{block.find_value('_diffrn_radiation_probe')} "
        f"{block.find_value('_diffrn_radiation_type')}"
    ).lower()
    kind: Literal["x-ray", "neutron"] | None = None
    if "neutron" in probe:
        kind = "neutron"
    elif "x-ray" in probe or "\\a" in probe:
        kind = "x-ray"
    wavelength = parse_number(wavelengths[0]) if len(wavelengths) else None
    return replace(measurement, kind=kind, wavelength=wavelength)
