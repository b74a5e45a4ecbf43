"""Processes that were submitted, but are missing in the queue of the daemon."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from aiida.orm import ProcessNode, QueryBuilder

__all__ = ["find_stuck_processes"]

_SECONDS = 60
"""Age from which a process that has not begun counts as stuck."""


def find_stuck_processes(seconds: float = _SECONDS) -> list[ProcessNode]:
    """Return processes that were created so many seconds ago and have not begun.

    A process may be missing in the queue if the daemon is stopped or the client is killed while
    it is submitted. `aiida-hpaint setup` puts such processes into the queue.
    """
    latest = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    filters = {"attributes.process_state": "created", "ctime": {"<": latest}}
    found: list[ProcessNode] = QueryBuilder().append(ProcessNode, filters=filters).all(flat=True)
    return [node for node in found if not node.is_sealed]
