"""Outcomes of hosts: restored, without a candidate, or failed, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import SampleStatus

__all__ = ["FAILED", "MARKED", "RESTORED", "WITHOUT", "Outcomes", "find_outcomes"]

RESTORED, WITHOUT, FAILED = "r", "w", "f"
"""States of a host: it has a candidate that passes the checks, it has none although its jobs
succeeded, or they failed."""


MARKED = "mark_as_failed"
"""Stage in the history of samples that were lost with their job; the record has the `reason`."""

_JOB = re.compile(r"^job \d+: ")


_UNFINISHED = "unfinished within the walltime of its jobs"


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of the hosts of a restoration.

    Attributes
    ----------
    states
        One letter per host: RESTORED, WITHOUT or FAILED.
    reasons
        Reasons of failed hosts, by the host index.
    """

    states: str
    reasons: Mapping[int, str]


def find_outcomes(n_hosts: int, samples: StructureBatch | None, ending: str = "") -> Outcomes:
    """Derive the outcomes of hosts from their ranked samples.

    A host whose job failed counts as failed even if an earlier stage left candidates, so that it
    is repeated.

    Parameters
    ----------
    n_hosts
        Number of hosts.
    samples
        Ranked samples; None if the restoration returned none.
    ending
        Reason why it returned none.
    """
    if samples is None:
        return Outcomes(FAILED * n_hosts, dict.fromkeys(range(n_hosts), ending))
    from aiida_hpaint.science.evaluation import find_answers  # here: a status needs none

    hosts = samples.scalars["host"]
    states = np.full(n_hosts, WITHOUT)
    unfinished = np.unique(
        hosts[samples.scalars["status"] == str(SampleStatus.UNFINISHED)]
    ).tolist()
    reasons = dict.fromkeys(unfinished, _UNFINISHED)
    restored = np.unique(hosts[find_answers(samples)])
    states[restored] = RESTORED
    for host in restored.tolist():
        reasons.pop(host, None)
    reasons |= _find_failed(samples)
    reasons |= dict.fromkeys(set(range(n_hosts)) - set(hosts.tolist()), "it has no samples")
    states[list(reasons)] = FAILED
    return Outcomes("".join(states.tolist()), reasons)


def _find_failed(samples: StructureBatch) -> dict[int, str]:
    """Return the hosts that were lost with a job, and the reasons."""
    errors = {record["reason"] for record in samples.history if record.get("stage") == MARKED}
    rows = zip(samples.scalars["host"].tolist(), samples.metadata, strict=True)
    found = ((host, entry.get("error")) for host, entry in rows)
    return {host: _JOB.sub("", str(error)) for host, error in found if error in errors}
