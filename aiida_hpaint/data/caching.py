"""How nodes that hold one file are hashed."""

from __future__ import annotations

from typing import Any

from aiida.orm.nodes.caching import NodeCaching

__all__ = ["ContentCaching"]


class ContentCaching(NodeCaching):
    """Hashes the numbers, not the file: how zlib compressed them does not matter.

    The node has to keep their digest as its attribute `sha256`.
    """

    def get_objects_to_hash(self) -> dict[str, Any]:
        """Return the objects that the hash of a node is made of."""
        node = self._node
        return {"class": str(type(node)), "sha256": node.base.attributes.get("sha256", None)}
