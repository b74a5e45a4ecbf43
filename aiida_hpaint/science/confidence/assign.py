"""Confidence in the answers of hosts: the scalar, and the reasons in words."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from aiida_hpaint.science.confidence.evidence import Evidence, collect_evidence
from aiida_hpaint.science.confidence.model import (
    MEASURED,
    UNMEASURED,
    limit_probability,
    load_confidence_model,
)
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import has_changed_cells, name_cell_change

__all__ = ["add_confidence", "describe_confidence", "list_reasons"]

SURE = 0.95
"""Probability from which on an answer counts as sure."""

FAR = 0.3
"""Displacement of a host atom in Å from which on it is given as a reason."""

LARGE = 9
"""Number of inserted sites from which on their number is given as a reason."""


def add_confidence(samples: StructureBatch, hosts: StructureBatch) -> StructureBatch:
    """Add the probability that each answer is the ground state of its potential.

    Parameters
    ----------
    samples
        Ranked samples of all hosts; see `collect_evidence`.
    hosts
        Hosts before the restoration, by their scalar `host`, or by their row where they have none.

    Returns
    -------
    The samples with the scalar `confidence` (0 to 1, NaN but for rank 0). The metadata of those
    of rank 0 have under `confidence` the `reasons`, and the `evidence` that these are based on.
    """
    rows = hosts.find_host_rows()
    model = load_confidence_model()
    relaxes = has_changed_cells(samples)
    confidence = np.full(len(samples), np.nan)
    metadata = list(samples.metadata)
    of_host = samples.scalars["host"]
    for index in np.flatnonzero(samples.scalars["rank"] == 0).tolist():
        members = np.flatnonzero(of_host == of_host[index])
        host = hosts[rows[int(of_host[index])]]
        answer = int(np.flatnonzero(members == index)[0])
        evidence = collect_evidence(samples[members], host, answer)
        confidence[index] = model.estimate(evidence)
        reasons = list_reasons(evidence)
        if relaxes and not evidence.held:
            done = name_cell_change(samples[index])
            verb = done if done == "relaxed" else f"were {done}"
            reasons.append(f"cells {verb}, unlike those of the calibration")
        found = {"reasons": reasons, "evidence": asdict(evidence)}
        metadata[index] = {**metadata[index], "confidence": found}
    return replace(samples, metadata=tuple(metadata)).with_scalars(confidence=confidence)


def list_reasons(evidence: Evidence) -> list[str]:
    """Return what speaks for and against an answer, a phrase each."""
    reasons = [_describe_agreement(evidence), _describe_gap(evidence)]
    others = evidence.single - (evidence.found <= 1)
    if evidence.found > 1 and others > 0:
        states = "state was" if others == 1 else "states were"
        reasons.append(f"{others} other {states} not found twice")
    if evidence.inserted >= LARGE:
        reasons.append(f"{evidence.inserted} sites to insert")
    if evidence.geometric and evidence.fixed < evidence.inserted:
        reasons.append(f"{evidence.geometric} H began in geometric positions")
    if evidence.displacement is not None and evidence.displacement >= FAR:
        reasons.append(f"host atoms moved by up to {evidence.displacement:.1f} Å")
    if evidence.is_hydride:
        reasons.append("H of a hydride, of which the training data have few")
    if evidence.held:
        reasons.append("the potential rebuilds the host")
    if limit_probability(evidence) == UNMEASURED and not evidence.held:
        reasons.append(f"no rates are known of such answers in more than {MEASURED} sites")
    if not evidence.passes:
        reasons.append("it fails checks")
    return reasons


def describe_confidence(one: StructureBatch) -> str:
    """Return the reasons and the probability of one answer as a line; empty without any.

    Examples
    --------
    "10 of 10 samples agree, next state 45 meV/atom above: 99 %"
    """
    found = one.metadata[0].get("confidence")
    value = float(one.scalars.get("confidence", np.array([np.nan]))[0])
    if not found or np.isnan(value):
        return ""
    return f"{', '.join(found['reasons'])}: {format_confidence(value)}"


def format_confidence(value: float) -> str:
    """Return a probability in per cent, never 0 or 100; a dash for NaN."""
    return "-" if np.isnan(value) else f"{100 * min(max(value, 0.01), 0.99):.0f} %"


def _describe_agreement(evidence: Evidence) -> str:
    if evidence.fixed == evidence.inserted:
        return f"samples do not differ, as bonds fix all {evidence.inserted} H"
    if evidence.found > 1:
        return f"{evidence.found} of {evidence.samples} samples agree"
    how_many = "one" if evidence.found else "none"
    if evidence.repeats > 1:
        others = f"{evidence.repeats} other arrangements led to it"
        return f"{others}, {how_many} of {evidence.samples} independent samples"
    if evidence.states > 1 and evidence.single == evidence.states:
        return "nothing was found twice"
    return f"{how_many} of {evidence.samples} independent samples found it"


def _describe_gap(evidence: Evidence) -> str:
    if evidence.gap is None:
        return "no other state is known"
    if evidence.gap < 0:
        return f"a state that fails checks is {-1000 * evidence.gap:.0f} meV/atom lower"
    above = f"{1000 * evidence.gap:.0f}" if evidence.gap >= 0.0005 else "less than 1"
    return f"next state {above} meV/atom above"
