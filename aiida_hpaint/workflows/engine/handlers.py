"""What follows a job that fails, which users turn off as those of a BaseRestartWorkChain."""

from __future__ import annotations

from typing import Any

from aiida.orm import Dict

__all__ = ["RETRY", "SPLIT", "check_handler_overrides", "is_enabled"]

RETRY, SPLIT = "retry_failed_job", "split_hosts"
_HANDLERS = (RETRY, SPLIT)


def check_handler_overrides(overrides: Dict | None, port: Any) -> str | None:
    """Return what is wrong with the input `handler_overrides`, as validators of ports do."""
    for name, values in (overrides.get_dict() if overrides else {}).items():
        if name not in _HANDLERS:
            return f"there is no handler {name!r}: choose from {', '.join(_HANDLERS)}"
        if values not in ({"enabled": True}, {"enabled": False}, {}):
            return f"{name}: give {{'enabled': True}} or {{'enabled': False}}, not {values!r}"
    return None


def is_enabled(inputs: Any, handler: str) -> bool:
    """Return whether a handler is on, by the inputs of a work chain."""
    chosen = inputs.get("handler_overrides", {})
    return bool(chosen.get(handler, {}).get("enabled", True))
