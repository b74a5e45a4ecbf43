"""Queries for the processes that run campaigns, without an import of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ProcessState
from aiida.orm import QueryBuilder, Str, WorkChainNode

__all__ = ["ALL_BEGUN", "ENDED", "MAX_JOBS", "query_controllers"]

MAX_JOBS = "hpaint_max_jobs"
"""Extra of the group of a campaign: largest number of active chunks; it may change."""

ALL_BEGUN = "hpaint_all_begun"
"""Extra of a CampaignWorkChain that has submitted all its chunks."""

ENDED = [
    state.value for state in (ProcessState.FINISHED, ProcessState.EXCEPTED, ProcessState.KILLED)
]


def query_controllers(campaign: str, filters: Mapping[str, Any], *project: str) -> QueryBuilder:
    """Make a query for the CampaignWorkChains of a group, given its UUID, the oldest first."""
    query = QueryBuilder()
    query.append(Str, filters={"attributes.value": campaign}, tag="campaign")
    query.append(
        WorkChainNode,
        with_incoming="campaign",
        edge_filters={"label": "campaign"},
        filters=dict(filters),
        project=list(project),
        tag="controller",
    )
    return query.order_by({"controller": "id"})
