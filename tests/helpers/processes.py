"""Waiting for processes that a daemon runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], Any], what: str, seconds: float, interval: float = 0.05) -> None:
    """Return when the condition holds; fail with `what` was missing after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(interval)


def ended(node: Any, seconds: float) -> Any:
    """Return the node when its process has ended, well or not."""
    # Many a look at the database would slow down what is waited for.
    until(lambda: node.is_terminated, f"end of {node.process_label}", seconds, 0.25)
    return node


def finished(node: Any, seconds: float, status: int = 0) -> Any:
    """Return the node when its process has finished, well or with the expected exit status."""
    ended(node, seconds)
    found = (node.exit_status, node.exit_message, node.exception)
    assert node.is_finished, found
    assert node.exit_status == status, found
    return node
