"""Directive `settings-table`: the fields of a settings class as a table, from the class itself."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.parsers.rst.directives import unchanged
from docutils.statemachine import StringList
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aiida_hpaint.science.protocols import load_protocol

PROTOCOLS = ("balanced", "fast", "stringent")
"""The default first."""


class SettingsTable(Directive):
    """Table of settings: name, value, limits, meaning. Argument: the dotted name of the class.

    The option `path` names the places of these settings in those of a restoration, of which the
    table then has the values that protocols give; `.` is the whole.
    """

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"path": unchanged}

    def run(self) -> list[nodes.Node]:
        """Write the table as the markup of a list-table and parse it."""
        module, name = self.arguments[0].rsplit(".", 1)
        model: type[BaseModel] = getattr(import_module(module), name)
        paths = self.options.get("path", "").split()
        rows = [line for field in model.model_fields.items() for line in _row(*field, paths)]
        head = ["setting", "value" if paths else "default", "limits", "meaning"]
        lines = [
            ":::{list-table}",
            ":header-rows: 1",
            ":widths: 22 18 14 46",
            ":class: stacked",
            "",
            *_join(head),
            *rows,
            ":::",
        ]
        container = nodes.container()
        self.state.nested_parse(StringList(lines, source=self.arguments[0]), 0, container)
        return container.children


def _row(name: str, field: FieldInfo, paths: list[str]) -> list[str]:
    default = "required" if field.is_required() else _literal(_default(field))
    value = "; ".join(_list_values(path, name) for path in paths) if paths else default
    return _join([f"`{name}`", value, _limits(field), _sentence(field)])


def _join(cells: list[str]) -> list[str]:
    return [f"{'- -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(cells)]


def _list_values(path: str, name: str) -> str:
    """Return the value of the default protocol, and those of others that differ from it."""
    values = {}
    for protocol in PROTOCOLS:
        settings: Any = load_protocol(protocol)
        section = settings if path == "." else getattr(settings, path)
        if section is not None:
            values[protocol] = _literal(getattr(section, name))
    default = values.get(PROTOCOLS[0], "")
    others = [f"{one}: {text}" for one, text in values.items() if text != default]
    return ", ".join([f"{default}", *others])


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def _literal(value: Any) -> str:
    """Return a value as YAML and the command line have it."""
    if isinstance(value, BaseModel):
        return "see below"
    words = {None: "null", True: "true", False: "false"}
    is_word = value is None or isinstance(value, bool)
    return f"`{words[value] if is_word else value}`" if value != "" else ""


def _limits(field: FieldInfo) -> str:
    choices = re.findall(r"Literal\[(.*?)\]", str(field.annotation))
    limits = ["one of " + choices[0].replace("'", "`")] if choices else []
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
