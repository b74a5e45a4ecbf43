"""YAML of users: what a file would lose or hide is an error."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

__all__ = ["parse_yaml", "read_yaml"]

_DEEPEST = 50
"""Most levels of nesting; settings have five."""


class _RefusedError(yaml.MarkedYAMLError):
    """YAML that is well-formed, and refused."""


class _StrictLoader(yaml.SafeLoader):
    """A loader of plain values that refuses keys that are given twice, and deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one node, unless it is nested too deeply."""
        if self.depth > _DEEPEST:
            raise _RefusedError(problem=f"more than {_DEEPEST} levels of nesting")
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a dictionary of a mapping, unless a key is there twice."""
        seen = set[Hashable]()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key: Any = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise _RefusedError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, name: str) -> Any:
    """Return the values of YAML text.

    Parameters
    ----------
    text
        The text.
    name
        What it is, for messages.

    Raises
    ------
    ValueError
        If it is not YAML, gives a key twice, or is nested too deeply.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark is not None else ""
        kind = "" if isinstance(error, _RefusedError) else " is not YAML"
        raise ValueError(f"{name}{kind}{where}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not YAML: {error}") from None


def read_yaml(path: Path) -> Any:
    """Return the values of a YAML file.

    Raises
    ------
    ValueError
        If it cannot be read, or as `parse_yaml` says.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not encoded as UTF-8: save it so") from None
    return parse_yaml(text, str(path))
