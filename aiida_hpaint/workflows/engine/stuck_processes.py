"""Processes that were submitted, but are missing in the queue of the daemon."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from aiida.brokers.zeromq.broker import ZeromqBroker
from aiida.manage import get_manager
from aiida.orm import ProcessNode, QueryBuilder

from aiida_hpaint.workflows.engine.upstream import get_queued_processes

__all__ = ["find_stuck_processes"]

_SECONDS = 60
"""Age from which a process that has not begun counts as stuck."""


def find_stuck_processes(seconds: float = _SECONDS) -> list[ProcessNode]:
    """Return processes that were created so many seconds ago, have not begun and are not queued.

    A process may be missing in the queue if the daemon is stopped or the client is killed while
    it is submitted. `aiida-hpaint setup` puts such processes into the queue. One that is in the
    queue only waits for a worker, however long that has more to do. The queue of RabbitMQ does not
    say what it holds, so there the age alone counts. A process without a checkpoint is none of
    them: its client was killed earlier still, and no worker can begin it.
    """
    # The queue first: what leaves it until the database is asked has begun by then.
    broker = get_manager().get_broker()
    queued = get_queued_processes(broker) if isinstance(broker, ZeromqBroker) else set()
    latest = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    filters = {"attributes.process_state": "created", "ctime": {"<": latest}}
    found: list[ProcessNode] = QueryBuilder().append(ProcessNode, filters=filters).all(flat=True)
    left = [node for node in found if not node.is_sealed and node.pk not in queued]
    return [node for node in left if node.checkpoint]
