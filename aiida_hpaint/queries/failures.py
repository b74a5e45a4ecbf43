"""Hosts without a result, and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from aiida.orm import QueryBuilder, StructureData, WorkChainNode

from aiida_hpaint.queries.samples import Ranking, find_rankings

__all__ = ["FailedHost", "find_failed_hosts", "group_by_reason"]

_JOB = re.compile(r"^job \d+: ")
"""Every message has its own; the reason is what follows."""


@dataclass(frozen=True)
class FailedHost:
    """A host that has no candidate.

    Attributes
    ----------
    label, host_index
        Label, and index among the hosts of the restoration.
    reason
        The error of its samples or, where there was none, their commonest status.
    statuses
        How many samples ended how; empty for RestoreHydrogenWorkChain.
    process
        PK of the restoration, None where it did not come to return its samples.
    """

    label: str
    host_index: int
    reason: str
    statuses: Mapping[str, int]
    process: int | None


def find_failed_hosts(process: int | None = None) -> list[FailedHost]:
    """Hosts that restorations found no candidate for, restoration by restoration.

    Parameters
    ----------
    process
        PK of a restoration, a benchmark or a RestoreHydrogenWorkChain; without it, all of them.
    """
    found = [one for ranking in find_rankings(process) for one in _without_candidate(ranking)]
    return [*found, *_failed_by_dft(process)]


def group_by_reason(hosts: Sequence[FailedHost]) -> dict[str, list[FailedHost]]:
    """The same by their reasons, the commonest first."""
    counts = Counter(host.reason for host in hosts)
    return {
        reason: [host for host in hosts if host.reason == reason]
        for reason, _ in counts.most_common()
    }


def _without_candidate(ranking: Ranking) -> Iterator[FailedHost]:
    batch = ranking.samples.batch
    host_indices, ranks = batch.scalars["host"], batch.scalars["rank"]
    for host_index in np.setdiff1d(host_indices, host_indices[ranks >= 0]).tolist():
        rows = np.flatnonzero(host_indices == host_index).tolist()
        statuses = Counter(str(batch.scalars["status"][row]) for row in rows)
        errors = [str(batch.metadata[row].get("error", "")) for row in rows]
        yield FailedHost(
            label=batch.labels[rows[0]],
            host_index=host_index,
            reason=_reason(errors, statuses),
            statuses=dict(statuses),
            process=ranking.process,
        )


def _reason(errors: Sequence[str], statuses: Counter[str]) -> str:
    error = next(filter(None, errors), "")
    return _JOB.sub("", error) or statuses.most_common(1)[0][0]


def _failed_by_dft(process: int | None) -> list[FailedHost]:
    ended = {"attributes.exit_status": {">": 0}}
    died = {"attributes.process_state": {"in": ["excepted", "killed"]}}
    chosen = {} if process is None else {"id": process}
    query = QueryBuilder()
    query.append(
        WorkChainNode,
        filters={
            "attributes.process_label": "RestoreHydrogenWorkChain",
            "or": [ended, died],
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
