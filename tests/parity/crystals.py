"""The 50 crystals of the comparison and what is asked about each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.types import FloatArray

DATA = Path(__file__).parent / "data"
KNOWN_TIME = 0.001
"""Time that TD-Paint shows the network for known sites."""


@dataclass(frozen=True)
class Case:
    """A crystal and the times at which networks are evaluated on it.

    Attributes
    ----------
    time
        Time of all sites, where the network has one time for each structure.
    site_times : (n,)
        Times where each site has its own; `KNOWN_TIME` for sites that are not `unknown`.
    gap
        Smallest difference in Å between the distances of the 50th and 51st neighbours of a site:
        where it is zero, rounding decides which neighbours the network sees.
    """

    label: str
    numbers: NDArray[np.int64]
    frac: FloatArray
    cell: FloatArray
    unknown: NDArray[np.bool_]
    time: float
    site_times: FloatArray
    gap: float


def load_cases() -> list[Case]:
    """All cases, in the order in which the reference files list their sites."""
    with np.load(DATA / "crystals.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    ends = np.cumsum(arrays["counts"])
    return [
        _case(arrays, index, slice(end - count, end))
        for index, (end, count) in enumerate(zip(ends, arrays["counts"], strict=True))
    ]


def _case(arrays: dict[str, NDArray[np.generic]], index: int, sites: slice) -> Case:
    return Case(
        label=str(arrays["labels"][index]),
        numbers=arrays["numbers"][sites].astype(np.int64),
        frac=arrays["frac"][sites].astype(np.float64),
        cell=arrays["cells"][index].astype(np.float64),
        unknown=arrays["unknown"][sites].astype(np.bool_),
        time=float(arrays["times"][index].astype(np.float64)),
        site_times=arrays["site_times"][sites].astype(np.float64),
        gap=float(arrays["gaps"][index].astype(np.float64)),
    )


def save_cases(cases: list[Case]) -> None:
    """Write the file that `load_cases` reads."""
    np.savez_compressed(
        DATA / "crystals.npz",
        labels=np.array([case.label for case in cases]),
        counts=np.array([len(case.numbers) for case in cases], dtype=np.int16),
        numbers=np.concatenate([case.numbers for case in cases]).astype(np.uint8),
        frac=np.concatenate([case.frac for case in cases]),
        cells=np.stack([case.cell for case in cases]),
        unknown=np.concatenate([case.unknown for case in cases]),
        times=np.array([case.time for case in cases]),
        site_times=np.concatenate([case.site_times for case in cases]),
        gaps=np.array([case.gap for case in cases]),
    )


def per_case(values: NDArray[np.floating], cases: list[Case]) -> list[NDArray[np.floating]]:
    """Rows of all sites (sites, ...), as one array for each case."""
    return np.split(values, np.cumsum([len(case.numbers) for case in cases])[:-1])
