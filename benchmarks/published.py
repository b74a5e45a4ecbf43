"""Published crystals with hydrogen as answers: how many pass the checks of answers.

    python benchmarks/published.py references.extxyz more.extxyz

They are negative controls: a published crystal that fails shows a check that is too strict, or a
structure that holds what no crystal does.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from aiida_hpaint.science.benchmark.references import read_references
from aiida_hpaint.science.plausibility.check_answers import check_answers
from aiida_hpaint.science.settings import CheckSettings


def main() -> None:
    """Check the crystals of all files, and print those that fail."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="files of complete structures")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = read_references(options.files)
    size = len(found.complete)
    answers = found.complete.with_scalars(
        host=np.arange(size), status=["converged"] * size, max_force=np.zeros(size)
    )
    everything = np.ones(size, dtype=np.bool_)
    checked = check_answers(answers, found.hosts, everything, CheckSettings())
    passes = checked.scalars["passes"]
    for row in np.flatnonzero(~passes).tolist():
        failed = checked.metadata[row]["checks"]["failed"]
        print(f"{checked.labels[row]}: {'; '.join(failed)}")
    print(f"{int(passes.sum())} of {size} pass all checks")


if __name__ == "__main__":
    main()
