"""Compare freshly written references with the committed ones, and both with our network:

PYTHONPATH=.:tests python -m parity.compare FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .crystals import DATA, Case, load_cases, per_case
from .ours import DTYPES, SIZES, build, evaluate

Arrays = dict[str, NDArray[np.generic]]

TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
FILES = ("diffusion", "trajectories", "graphs", "outputs")


def load(folder: Path, name: str) -> Arrays:
    """A reference file."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def main() -> None:
    """Print the largest deviations; exit with 1 where ours exceeds a tolerance."""
    fresh = Path(sys.argv[1])
    print("the oracle here against the committed references: largest difference")
    for name in FILES:
        old, new = load(DATA, name), load(fresh, name)
        for key in sorted(old.keys() | new.keys()):
            if (found := _difference(old.get(key), new.get(key))) != 0:
                print(f"  {name:12s} {key:34s} {found:.1e}")
    print("our network against the oracle here: largest difference of an output, over 50 crystals")
    worst = [_compare(load(fresh, "outputs"), key) for key in sorted(load(fresh, "outputs"))]
    sys.exit(0 if all(worst) else 1)


def _difference(old: NDArray[np.generic] | None, new: NDArray[np.generic] | None) -> float:
    if old is None or new is None or old.shape != new.shape:
        return float("inf")
    return float(np.abs(old.astype(float) - new.astype(float)).max(initial=0))


def _compare(outputs: Arrays, key: str) -> bool:
    size, kind, precision = key.split("_")
    cases = load_cases()
    found = deviations(outputs, size, kind, precision, cases)
    alone = np.array([found[index] for index, case in enumerate(cases) if case.gap > 1e-5])
    print(f"  {key:26s} {max(found):.1e}   crystals without ties {max(alone):.1e}")
    return max(found) <= TOLERANCES[precision]


def deviations(
    outputs: Arrays, size: str, kind: str, precision: str, cases: list[Case]
) -> list[float]:
    """Largest difference between both sides for each case, over the largest output.

    Where that is below one, the difference itself.
    """
    assert size in SIZES
    network, dtype = build(size, DTYPES[precision]), DTYPES[precision]
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
