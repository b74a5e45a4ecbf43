"""Questions that aiida-core 2.9 asks the database although their answers are known.

As for `upstream`, tests/workflows/engine/test_upstream_queries.py has a test for each that fails
once it is not needed any more.
"""

from __future__ import annotations

from typing import Any

from aiida.common.links import LinkType
from aiida.engine import Process
from aiida.orm import Node
from aiida.orm.nodes.links import NodeLinks
from aiida.orm.utils.links import validate_link

__all__ = ["use_fewer_queries"]


def use_fewer_queries() -> None:
    """Let aiida-core leave out questions whose answers are known; repeated calls change nothing.

    Whether a link closes a cycle is asked for each input of a new process, and which outputs are
    attached at each change of the state of a process. Together they were a fifth of the queries of
    a daemon that restores one crystal.
    """
    links: Any = NodeLinks
    process: Any = Process
    links.validate_incoming = _validate_incoming
    process.update_outputs = _update_outputs


_ATTACHED = "_hpaint_attached"
"""Attribute of a process with the names of the outputs that this worker has attached."""

_validate_stored = NodeLinks.validate_incoming
_attach_outputs = Process.update_outputs


def _validate_incoming(self: Any, source: Node, link_type: LinkType, link_label: str) -> None:
    """Validate a link; a node that is not stored has no descendants, so that no cycle can close."""
    node = self._node
    if node.is_stored:
        _validate_stored(self, source, link_type, link_label)
    else:
        validate_link(source, node, link_type, link_label, backend=node.backend)


def _update_outputs(self: Process) -> None:
    """Attach new outputs, if there are any; those of a loaded checkpoint may be new, too."""
    names = set(self._flat_outputs()) if self.outputs else set()
    if names - self.__dict__.get(_ATTACHED, set()):
        _attach_outputs(self)
        self.__dict__[_ATTACHED] = names
