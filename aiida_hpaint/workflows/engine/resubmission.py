"""CrashSafeWorkChain: base of work chains that submit no child twice if their worker dies.

A process saves a checkpoint after each step. If its worker dies between the submission of a child
and the next checkpoint, another worker runs the step again, and would submit the child twice.
"""

from __future__ import annotations

from typing import Any

from aiida.common.links import LinkType
from aiida.engine import Process, ProcessState, WorkChain
from aiida.orm import CalcFunctionNode, ProcessNode, WorkFunctionNode

__all__ = ["DEAD", "CrashSafeWorkChain", "find_child", "seal_if_dead"]

_CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)
DEAD = "its worker died; another process has taken its place"
"""Process status of a child that was lost with its worker."""


class CrashSafeWorkChain(WorkChain):
    """Base of work chains that submit no child twice, even if their worker dies.

    Each child needs a call link label of its own.
    """

    def submit(
        self, process: type[Process], inputs: dict[str, Any] | None = None, **kwargs: Any
    ) -> ProcessNode:
        """Submit a child, unless one was submitted with its label; return the node."""
        label = {**(inputs or {}), **kwargs}.get("metadata", {}).get("call_link_label")
        child = find_child(self.node, label) if label else None
        if child is not None:
            self.report(f"{child.process_label} {child.pk} was submitted before: waiting for it")
            return child
        return super().submit(process, inputs, **kwargs)


def find_child(process: ProcessNode, label: str) -> ProcessNode | None:
    """Return the child of a process with a call link label; None if there is none.

    Children that were lost with their worker are sealed, and do not count.
    """
    links = process.base.links.get_outgoing(link_type=_CALLS).all()
    children = {link.node.pk or 0: link.node for link in links if link.link_label == label}
    for _, child in sorted(children.items(), reverse=True):
        if isinstance(child, ProcessNode) and not seal_if_dead(child):
            return child
    return None


def seal_if_dead(child: ProcessNode) -> bool:
    """Return whether a child was lost with its worker; then seal it, so that nothing waits for it.

    A function runs in the worker itself and ends with it. A process that has only been created may
    have no checkpoint, or no message in the queue.
    """
    if child.is_terminated:
        return bool(child.process_status == DEAD)
    in_worker = isinstance(child, CalcFunctionNode | WorkFunctionNode)
    if not in_worker and child.process_state not in (None, ProcessState.CREATED):
        return False
    child.set_process_status(DEAD)
    child.set_process_state(ProcessState.KILLED)
    child.seal()
    return True
