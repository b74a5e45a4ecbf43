"""Reading the reference files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .crystals import DATA

Arrays = dict[str, NDArray[np.generic]]


def load(name: str, folder: Path = DATA) -> Arrays:
    """The arrays of a reference file."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
