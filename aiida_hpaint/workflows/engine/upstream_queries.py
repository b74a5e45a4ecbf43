"""What aiida-core 2.9 asks the database, and how long it takes to ask.

As for `upstream`, tests/workflows/engine/test_upstream_queries.py has a test for each that fails
once it is not needed any more.
"""

from __future__ import annotations

from collections import defaultdict
from threading import local
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import Process
from aiida.orm import Node
from aiida.orm.nodes.links import NodeLinks
from aiida.orm.utils.links import validate_link
from aiida.storage.psql_dos.orm.querybuilder import joiner, main
from sqlalchemy.orm import aliased

__all__ = ["shorten_queries"]


def shorten_queries() -> None:
    """Let aiida-core ask less, and share aliases; repeated calls change nothing.

    Whether a link closes a cycle is asked for each input of a new process, and which outputs are
    attached at each change of the state of a process, although the answers are known. Together they
    were a fifth of the queries of a daemon that restores one crystal.
    """
    links: Any = NodeLinks
    process: Any = Process
    queries: Any = main.SqlaQueryBuilder
    modules: tuple[Any, ...] = (main, joiner)
    links.validate_incoming = _validate_incoming
    process.update_outputs = _update_outputs
    queries._build = lambda self, data: _ALIASES.build(self, data)
    for module in modules:
        module.aliased = _ALIASES.take


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


class _Aliases(local):
    """Aliases of tables that the queries of a thread share, in the order in which one takes them.

    SQLAlchemy finds the columns of an alias when they are first used, which takes longer than what
    is asked: half of the time of a query of AiiDA, which takes new aliases for each.
    """

    def __init__(self) -> None:
        self._made: dict[Any, list[Any]] = defaultdict(list)
        self._taken: dict[Any, int] | None = None

    def build(self, builder: Any, data: Any) -> Any:
        """Build a query of aiida-core; within it, `take` returns the same aliases in turn."""
        outer, self._taken = self._taken, None if self._taken is not None else defaultdict(int)
        try:
            return _build_query(builder, data)
        finally:
            self._taken = outer

    def take(self, table: Any, *given: Any, **named: Any) -> Any:
        """Return an alias that the query has not taken before."""
        if self._taken is None or given or named or not isinstance(table, type):
            return aliased(table, *given, **named)
        made, index = self._made[table], self._taken[table]
        self._taken[table] = index + 1
        if index == len(made):
            made.append(aliased(table))
        return made[index]


_ALIASES = _Aliases()
_build_query = main.SqlaQueryBuilder._build
