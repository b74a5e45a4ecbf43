"""Directive `settings-table`: the fields of a settings class as a table, from the class itself."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from pydantic import BaseModel
from pydantic.fields import FieldInfo

HEAD = ["- - setting", "  - default", "  - limits", "  - meaning"]


class SettingsTable(Directive):
    """Table of settings: name, default, limits, meaning. Argument: the dotted name of the class."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the table as the markup of a list-table and parse it."""
        module, name = self.arguments[0].rsplit(".", 1)
        model: type[BaseModel] = getattr(import_module(module), name)
        rows = [line for field in model.model_fields.items() for line in _row(*field)]
        lines = [
            ":::{list-table}",
            ":header-rows: 1",
            ":widths: 22 16 16 46",
            "",
            *HEAD,
            *rows,
            ":::",
        ]
        container = nodes.container()
        self.state.nested_parse(StringList(lines, source=self.arguments[0]), 0, container)
        return container.children


def _row(name: str, field: FieldInfo) -> list[str]:
    default = "required" if field.is_required() else _literal(_default(field))
    cells = [f"`{name}`", default, _limits(field), _sentence(field)]
    return [f"{'- -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(cells)]


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def _literal(value: Any) -> str:
    return "see below" if isinstance(value, BaseModel) else f"`{value!r}`"


def _limits(field: FieldInfo) -> str:
    choices = re.findall(r"Literal\[(.*?)\]", str(field.annotation))
    limits = ["one of " + choices[0]] if choices else []
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    for limit in field.metadata:
        limits += [f"{word} {getattr(limit, k)}" for k, word in words.items() if hasattr(limit, k)]
    return ", ".join(limits)


def _sentence(field: FieldInfo) -> str:
    nested = isinstance(_default(field), BaseModel) and type(_default(field)).__doc__
    return (field.description or nested or "").partition("\n\n")[0].replace("\n", " ")


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("settings-table", SettingsTable)
    return {"parallel_read_safe": True}
