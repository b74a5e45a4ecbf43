"""References of the network's outputs and of the edges it sees."""

from __future__ import annotations

import sys

import numpy as np
import torch
from numpy.typing import NDArray

from parity.crystals import load_cases

from .networks import SIZES, SIZES_TO_SAMPLE, build, edges, evaluate, precision

PRECISIONS = {"float32": torch.float32, "float64": torch.float64}


def outputs() -> dict[str, NDArray[np.generic]]:
    """Outputs (sites, 3) of all crystals by size, kind of time and precision."""
    found = {}
    for size in SIZES:
        for kind in ("structure", "site"):
            for name, dtype in PRECISIONS.items():
                found[f"{size}_{kind}_{name}"] = _all(size, kind == "site", dtype)
                print(f"  {size} {kind} {name}", file=sys.stderr)
    return found


def tables() -> dict[str, NDArray[np.generic]]:
    """The tables of rates and knots that each size of network has beside its weights."""
    found: dict[str, NDArray[np.generic]] = {}
    for size in SIZES | SIZES_TO_SAMPLE:
        for name, table in build(size).state_dict().items():
            if name.endswith((".div_term", ".offset")):
                found[f"{size}_{name}"] = table.numpy()
    return found


def _all(size: str, per_site: bool, dtype: torch.dtype) -> NDArray[np.generic]:
    network = build(size, per_site, dtype)
    with precision(dtype):
        rows = [evaluate(network, case, per_site, dtype) for case in load_cases()]
    return torch.cat(rows).numpy()


def graphs() -> dict[str, NDArray[np.generic]]:
    """Edges of all crystals by precision: rows as in `edges`, without the exchanged half."""
    network = build("small")
    found: dict[str, NDArray[np.generic]] = {}
    for name, dtype in PRECISIONS.items():
        with precision(dtype):
            lists = [edges(network, case, dtype).numpy() for case in load_cases()]
        halves = [rows[: len(rows) // 2] for rows in lists]
        found[f"edges_{name}"] = np.concatenate(halves).astype(np.int8)
        found[f"counts_{name}"] = np.array([len(rows) for rows in halves], dtype=np.int16)
    return found
