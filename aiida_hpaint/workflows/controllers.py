"""The processes that run campaigns, looked at from outside; nothing here loads the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ProcessState
from aiida.orm import QueryBuilder, Str, WorkChainNode

__all__ = ["ALL_BEGUN", "ENDED", "MAX_JOBS", "query_controllers"]

MAX_JOBS = "hpaint_max_jobs"
"""Extra of the group of a campaign: how many chunks may be alive; it may change at any time."""

ALL_BEGUN = "hpaint_all_begun"
"""Extra of a controller that has no chunk left to begin."""

ENDED = [
    state.value for state in (ProcessState.FINISHED, ProcessState.EXCEPTED, ProcessState.KILLED)
]


def query_controllers(campaign: str, filters: Mapping[str, Any], *project: str) -> QueryBuilder:
    """Return a query for the CampaignWorkChains of the group with this UUID, the oldest first."""
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
