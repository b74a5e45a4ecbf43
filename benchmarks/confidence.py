"""Fit the confidence in answers to benchmarks whose references settings may be chosen on.

    aiida-hpaint benchmark mp20.extxyz mc3d.extxyz --half tune --output runs/tune
    python benchmarks/confidence.py runs/tune/mp20 runs/tune/mc3d

Each host counts with the evidence for its answer and with whether that is right: it is the
reference or soundly lower, as `benchmark.statistics.criteria.is_strict_success` has it. Hosts of
one formula are left out together in the cross-validation, which chooses the penalty and whose
figures are printed. --write replaces the coefficients of the package. --judge fits nothing: it
prints how good the probabilities are that the package now gives to the answers of some benchmarks.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

import aiida_hpaint.science.confidence.model as confidence
from aiida_hpaint.science.benchmark.statistics import HostRow, read_rows
from aiida_hpaint.science.benchmark.statistics.criteria import is_right
from aiida_hpaint.science.benchmark.statistics.rows import SETTINGS
from aiida_hpaint.science.confidence import SURE, Evidence
from aiida_hpaint.science.confidence.model import (
    SIGNS,
    ConfidenceModel,
    compute_features,
    limit_probability,
)
from aiida_hpaint.science.evaluation.success import estimate_rate

Values = NDArray[np.float64]

PENALTIES = (0.1, 0.3, 1.0, 3.0)
"""Half of these times the sum of squared coefficients is added to the negative log-likelihood."""


def parse_arguments() -> argparse.Namespace:
    """Read what to fit to, or what to judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", help="folders of benchmarks")
    parser.add_argument(
        "--judge", type=Path, nargs="+", help="folders of benchmarks of any half, fitted to or not"
    )
    parser.add_argument(
        "--swapped",
        type=Path,
        nargs="*",
        default=[],
        help="folders of references whose half `final` is the one to choose on, as of the minerals",
    )
    parser.add_argument("--note", default="", help="what else is to be known of the benchmarks")
    parser.add_argument("--write", action="store_true", help="replace those of the package")
    options = parser.parse_args()
    if not (options.folders or options.judge):
        parser.error("give folders of benchmarks to fit to, or --judge FOLDERS")
    return options


def main() -> None:
    """Fit, print how well hosts that were left out are told, and write the coefficients."""
    options = parse_arguments()
    if options.judge:
        print(json.dumps(judge_package(options.judge), indent=2))
        return
    by_folder = {
        folder.name: read_tuning_rows(folder, half)
        for half, folders in (("tune", options.folders), ("final", options.swapped))
        for folder in folders
    }
    rows = [row for found in by_folder.values() for row in found]
    names = list(SIGNS)
    known = [Evidence(**(row.evidence or {})) for row in rows]
    features = np.array([[compute_features(one)[name] for name in names] for one in known])
    right = np.array([is_right(row) for row in rows], dtype=np.float64)
    groups = np.array([row.formula for row in rows])
    limits = np.array([limit_probability(one) for one in known])
    told = {
        penalty: np.minimum(predict_left_out(features, right, groups, penalty), limits)
        for penalty in PENALTIES
    }
    penalty = min(PENALTIES, key=lambda one: measure_loss(told[one], right))
    figures = describe(told[penalty], right)
    weights = fit(features, right, penalty)
    source = {
        "benchmarks": {name: len(found) for name, found in by_folder.items()},
        "note": options.note,
        "penalty": penalty,
        "cross_validation": figures,
    }
    model = ConfidenceModel(
        intercept=round(float(weights[0]), 3),
        coefficients=dict(zip(names, np.round(weights[1:], 3).tolist(), strict=True)),
        source=source,
    )
    text = json.dumps(asdict(model), indent=2, ensure_ascii=False) + "\n"
    print(text)
    list_surprises(rows, told[penalty], right)
    if options.write:
        (Path(confidence.__file__).parent / "coefficients.json").write_text(text, encoding="utf-8")


def read_tuning_rows(folder: Path, expected: str = "tune") -> list[HostRow]:
    """Return the hosts of a benchmark that have an answer.

    Raises
    ------
    ValueError
        If its references are not of the half that settings may be chosen on.
    """
    half = json.loads((folder / SETTINGS).read_text(encoding="utf-8")).get("half")
    if half != expected:
        raise ValueError(f"{folder} has the half {half!r}: fit to those with --half {expected}")
    return [row for row in read_rows(folder) if row.evidence is not None]


def judge_package(folders: Sequence[Path]) -> dict[str, float | int | str]:
    """Return how good the probabilities of the package are for the answers of benchmarks."""
    rows = [row for folder in folders for row in read_rows(folder) if row.evidence is not None]
    model = confidence.load_confidence_model()
    told = np.array([model.estimate(Evidence(**(row.evidence or {}))) for row in rows])
    right = np.array([is_right(row) for row in rows], dtype=np.float64)
    held = np.array([bool((row.evidence or {}).get("held")) for row in rows])
    of_held = {"held": int(held.sum()), "held_right": int(right[held].sum())}
    return {**describe(told, right), **of_held}


def fit(features: Values, right: Values, penalty: float) -> Values:
    """Return intercept and coefficients, with the signs that `SIGNS` allows."""
    design = np.hstack([np.ones((len(features), 1)), features])
    signs = 2 * right - 1

    def loss(weights: Values) -> tuple[float, Values]:
        margins = signs * (design @ weights)
        slopes = -signs / (1 + np.exp(margins))
        punished = np.r_[0.0, penalty * weights[1:]]
        value = np.logaddexp(0, -margins).sum() + 0.5 * (punished @ weights)
        return float(value), design.T @ slopes + punished

    bounds = [(None, None)] + [(0, None) if sign > 0 else (None, 0) for sign in SIGNS.values()]
    start = np.zeros(design.shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def predict_left_out(
    features: Values, right: Values, groups: NDArray[np.str_], penalty: float
) -> Values:
    """Return the probability of each host by a fit to those with other formulas."""
    told = np.zeros(len(right))
    for group in np.unique(groups):
        left_out = groups == group
        weights = fit(features[~left_out], right[~left_out], penalty)
        told[left_out] = 1 / (1 + np.exp(-(weights[0] + features[left_out] @ weights[1:])))
    return told


def measure_loss(told: Values, right: Values) -> float:
    """Return the mean negative log-likelihood."""
    return float(-np.log(np.where(right > 0, told, 1 - told)).mean())


def describe(told: Values, right: Values) -> dict[str, float | int | str]:
    """Return how good the probabilities are."""
    sure = told >= SURE
    return {
        "hosts": len(right),
        "right": int(right.sum()),
        "brier": round(float(((told - right) ** 2).mean()), 4),
        "brier_constant": round(float(right.mean() * (1 - right.mean())), 4),
        "sure": int(sure.sum()),
        "sure_right": str(estimate_rate(right[sure])) if sure.any() else "none is sure",
    }


def list_surprises(rows: Sequence[HostRow], told: Values, right: Values) -> None:
    """Print the hosts that the fit to the others is most wrong about."""
    for place in np.argsort(-np.abs(told - right))[:15].tolist():
        row = rows[place]
        verdict = "right" if right[place] else "wrong"
        print(f"{row.label} {row.formula}: {100 * told[place]:.0f} %, {verdict}: {row.evidence}")


if __name__ == "__main__":
    main()
