"""Where jobs run: on this machine, or on one that knows nothing of it."""

from __future__ import annotations

from aiida.orm import AbstractCode, Computer

__all__ = ["is_this_machine", "runs_on_this_machine"]


def is_this_machine(computer: Computer | None) -> bool:
    """Whether jobs of a computer see the files of this machine.

    Over ssh `localhost` may be a container or the end of a tunnel.
    """
    return (
        computer is not None
        and computer.hostname == "localhost"
        and computer.transport_type == "core.local"
    )


def runs_on_this_machine(code: AbstractCode) -> bool:
    """Whether jobs of a code see the files of this machine."""
    return is_this_machine(code.computer)
