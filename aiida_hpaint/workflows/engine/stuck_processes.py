"""Processes that wait for something that will not happen by itself."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from aiida.orm import ProcessNode, QueryBuilder

__all__ = ["find_stuck_processes"]

_SECONDS = 60
"""A worker begins a process at once, or soon on a busy machine."""


def find_stuck_processes(seconds: float = _SECONDS) -> list[ProcessNode]:
    """Find processes that were made so many seconds ago and never began.

    A daemon that is stopped in the second of a submission may leave one out of its queue; so does
    a client that is killed then. `aiida-hpaint setup` puts them back.
    """
    latest = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    filters = {"attributes.process_state": "created", "ctime": {"<": latest}}
    found: list[ProcessNode] = QueryBuilder().append(ProcessNode, filters=filters).all(flat=True)
    return [node for node in found if not node.is_sealed]
