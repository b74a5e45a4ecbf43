"""Compare freshly written references with the committed ones, and both with our network.

PYTHONPATH=.:tests:tests/helpers python -m parity.compare FOLDER
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rounding import bound

from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings

from .crystals import Case, load_cases, per_case
from .ours import DTYPES, build, evaluate, settings_of
from .references import Arrays, load

FILES = ("diffusion", "trajectories", "graphs", "tables", "outputs", "cells")


def main() -> None:
    """Print the largest deviations; exit with 1 where ours exceeds a tolerance."""
    fresh = Path(sys.argv[1])
    tables = load("tables", fresh)
    print("the oracle here against the committed references: largest difference")
    for name in FILES:
        old, new = load(name), load(name, fresh)
        for key in sorted(old.keys() | new.keys()):
            if (found := _difference(old.get(key), new.get(key))) != 0:
                print(f"  {name:12s} {key:34s} {found:.1e}")
    print("our network against the oracle here: largest difference of an output, over 50 crystals")
    outputs = load("outputs", fresh)
    worst = [_compare(outputs, key, tables) for key in sorted(outputs)]
    sys.exit(0 if all(worst) else 1)


def _difference(old: NDArray[np.generic] | None, new: NDArray[np.generic] | None) -> float:
    if old is None or new is None or old.shape != new.shape:
        return float("inf")
    return float(np.abs(old.astype(float) - new.astype(float)).max(initial=0))


def _compare(outputs: Arrays, key: str, tables: Arrays) -> bool:
    size, kind, precision = key.split("_")
    cases = load_cases()
    found = deviations(outputs, size, kind, precision, cases, tables)
    alone = np.array([found[index] for index, case in enumerate(cases) if case.gap > 1e-5])
    print(f"  {key:26s} {max(found):.1e}   crystals without ties {max(alone):.1e}")
    return max(found) <= tolerance(settings_of(size), precision)


def tolerance(settings: GemNetSettings, precision: str) -> float:
    """Largest difference between two evaluations of a network, over the largest output.

    The numbers on the longest way through the network that are added up come from its settings.
    The input that counts is the distance: a Gaussian of width w changes by exp(-1/2) / w of itself
    (its height) where it is steepest, and a distance is made of six rounded coordinates.
    """
    slope = math.exp(-0.5) * (settings.radial - 1) * math.sqrt(6)
    return bound(DTYPES[precision], _terms(settings), slope)


def _terms(settings: GemNetSettings) -> int:
    atom, edge, near = settings.atom_width, settings.edge_width, settings.neighbours
    residuals = settings.before_skip + settings.after_skip + settings.concat
    bilinear = settings.cbf_width * settings.triplet_width
    triplets = edge + edge + near + settings.spherical + bilinear + settings.bilinear_width
    sites = near + edge + 2 * settings.atom_layers * atom
    joined = 2 * atom + edge + 2 * residuals * edge
    embedding = settings.species_width + settings.latent_width
    embedding += 2 * atom + settings.radial + 2 * edge
    output = edge + 2 * settings.atom_layers * edge + settings.rbf_width + near
    return embedding + settings.blocks * (triplets + sites + joined) + output


def deviations(
    outputs: Arrays,
    size: str,
    kind: str,
    precision: str,
    cases: list[Case],
    tables: Arrays | None = None,
) -> list[float]:
    """Largest difference between both sides for each case, over the largest output.

    Where that is below one, the difference itself: weights are such that terms are of the order
    of one, and symmetry may let their sum vanish.
    """
    network, dtype = build(size, DTYPES[precision], tables), DTYPES[precision]
    expected = per_case(outputs[f"{size}_{kind}_{precision}"].astype(float), load_cases())
    labels = [case.label for case in load_cases()]
    found = []
    for case in cases:
        (ours,) = evaluate(network, [case], kind == "site", dtype)
        theirs = expected[labels.index(case.label)]
        found.append(float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max())))
    return found


if __name__ == "__main__":
    main()
