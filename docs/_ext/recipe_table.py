"""Directive `recipe-table`: the stages of a restoration as a table, from the recipe itself."""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from aiida_hpaint.science.recipe import STAGES


class RecipeTable(Directive):
    """Table of stages: name, the setting that configures it, and what it does."""

    def run(self) -> list[nodes.Node]:
        """Write the table as the markup of a list-table and parse it."""
        lines = [":::{list-table}", ":header-rows: 1", ":widths: 18 18 64", ""]
        lines += ["- - stage", "  - setting", "  - what it does"]
        for stage in STAGES:
            lines += [f"- - `{stage.name}`", f"  - `{stage.field}`", f"  - {stage.about}"]
        container = nodes.container()
        self.state.nested_parse(StringList([*lines, ":::"], source="recipe"), 0, container)
        return container.children


def setup(app: object) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("recipe-table", RecipeTable)  # type: ignore[attr-defined]
    return {"parallel_read_safe": True}
