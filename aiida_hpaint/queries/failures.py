"""Hosts without a result, and the reasons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from aiida.orm import QueryBuilder, StructureData, WorkChainNode

from aiida_hpaint.queries.samples import Ranking, find_rankings
from aiida_hpaint.science.evaluation import find_answers
from aiida_hpaint.science.plausibility.check_answers import get_findings, name_findings

__all__ = ["FailedHost", "find_failed_hosts", "group_by_reason"]

_JOB = re.compile(r"^job \d+: ")
"""Prefix of messages with the PK of a job; what follows is the reason, common to several jobs."""


@dataclass(frozen=True)
class FailedHost:
    """A host that has no candidate that passes the checks.

    Attributes
    ----------
    label, host_index
        Label, and index of the host in the restoration.
    reason
        The checks that its best candidate fails; without a candidate, an error of its samples, or
        their most frequent status.
    statuses
        Number of samples by status; empty for RestoreHydrogenWorkChain.
    process
        PK of the restoration; None if it ended before it returned its samples.
    """

    label: str
    host_index: int
    reason: str
    statuses: Mapping[str, int]
    process: int | None


def find_failed_hosts(process: int | None = None) -> list[FailedHost]:
    """Return the hosts without a candidate that passes the checks, restoration by restoration.

    Parameters
    ----------
    process
        PK of a restoration, a benchmark or a RestoreHydrogenWorkChain; by default all.
    """
    found = [one for ranking in find_rankings(process) for one in _find_unrestored(ranking)]
    return [*found, *_find_failed_by_dft(process)]


def group_by_reason(hosts: Sequence[FailedHost]) -> dict[str, list[FailedHost]]:
    """Return hosts by the reason of their failure, the most frequent reason first."""
    counts = Counter(host.reason for host in hosts)
    return {
        reason: [host for host in hosts if host.reason == reason]
        for reason, _ in counts.most_common()
    }


def _find_unrestored(ranking: Ranking) -> Iterator[FailedHost]:
    batch = ranking.samples.batch
    host_indices, ranks = batch.scalars["host"], batch.scalars["rank"]
    answers = find_answers(batch)
    for host_index in np.setdiff1d(host_indices, host_indices[answers]).tolist():
        rows = np.flatnonzero(host_indices == host_index).tolist()
        statuses = Counter(str(batch.scalars["status"][row]) for row in rows)
        errors = (str(batch.metadata[row].get("error", "")) for row in rows)
        error = next(filter(None, errors), "")
        best = [row for row in rows if ranks[row] == 0]
        if best:
            error = f"fails checks: {name_findings(get_findings(batch[best[0]]))}"
        yield FailedHost(
            label=batch.labels[rows[0]],
            host_index=host_index,
            reason=_JOB.sub("", error) or statuses.most_common(1)[0][0],
            statuses=dict(statuses),
            process=ranking.process,
        )


def _find_failed_by_dft(process: int | None) -> list[FailedHost]:
    failed = {"attributes.exit_status": {">": 0}}
    died = {"attributes.process_state": {"in": ["excepted", "killed"]}}
    chosen = {} if process is None else {"id": process}
    query = QueryBuilder()
    query.append(
        WorkChainNode,
        filters={
            "attributes.process_label": "RestoreHydrogenWorkChain",
            "or": [failed, died],
            **chosen,
        },
        project=["id", "attributes.exit_message", "attributes.process_state"],
        tag="chain",
    )
    query.append(
        StructureData,
        with_outgoing="chain",
        edge_filters={"label": "structure"},
        project=["label", "id"],
    )
    query.order_by({"chain": "ctime"})
    return [
        FailedHost(label or f"structure {pk}", 0, message or state, {}, chain)
        for chain, message, state, label, pk in query.all()
    ]
