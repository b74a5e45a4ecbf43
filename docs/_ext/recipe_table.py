"""Directive `recipe-table`: the stages of a restoration as a table, from the recipe itself."""

from __future__ import annotations

from typing import Any

from aiida_hpaint.science.recipe import STAGES


def format_recipe() -> list[str]:
    """Return the lines of a list-table of stages: name, setting, and what the stage does."""
    lines = [":::{list-table}", ":header-rows: 1", ":widths: 18 18 64", ":class: stacked", ""]
    lines += ["- - stage", "  - setting", "  - what it does"]
    for stage in STAGES:
        lines += [f"- - `{stage.name}`", f"  - `{stage.field}`", f"  - {stage.about}"]
    return [*lines, ":::"]


def setup(app: Any) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    # Inside, so that tests can read the table where the tools of the documentation are missing.
    from docutils import nodes
    from docutils.parsers.rst import Directive
    from docutils.statemachine import StringList

    class RecipeTable(Directive):
        """Table of the stages."""

        def run(self) -> list[nodes.Node]:
            """Return the parsed table."""
            container = nodes.container()
            self.state.nested_parse(StringList(format_recipe(), source="recipe"), 0, container)
            return container.children

    app.add_directive("recipe-table", RecipeTable)
    return {"parallel_read_safe": True}
