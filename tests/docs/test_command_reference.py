"""The reference of commands renders, and nothing else is shown as markup."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aiida_hpaint.cli import main
from aiida_hpaint.cli.commands import list_subcommands

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docutils")
    monkeypatch.setattr(sys, "path", [str(DOCS / "_ext"), *sys.path])


@pytest.mark.usefixtures("extensions")
def test_all_commands_and_options_are_there() -> None:
    import command_reference
    from docutils import nodes

    root = command_reference.click.Context(main, info_name="aiida-hpaint")
    sections = list(command_reference._list_sections(main, root))
    titles = {title.astext() for one in sections for title in one.findall(nodes.title)}
    assert {"restore", "models list", "setup codes", "provenance"} <= titles
    restore = next(one for one in sections if one["names"] == ["restore"])
    terms = " ".join(term.astext() for term in restore.findall(nodes.term))
    for option in list_subcommands(main)["restore"].params:
        is_common = option.name in ("quiet", "verbose", "help")
        assert is_common or option.param_type_name == "argument" or option.opts[-1] in terms
    examples = [block.astext() for block in restore.findall(nodes.literal_block)]
    assert any("aiida-hpaint restore brucite.cif" in block for block in examples)


@pytest.mark.usefixtures("extensions")
def test_markup_that_is_shown_as_text_is_found() -> None:
    from docutils import nodes
    from docutils.utils import new_document
    from unrendered_markup import find_unrendered

    page = new_document("page")
    for text in ("plain text: see `x`", ".. option:: --add", "{doc}`files`", ":ref:`x`"):
        page += nodes.paragraph("", text)
    page += nodes.literal_block("", ".. option:: in code")
    assert find_unrendered(page) == [".. option::", "{doc}`", ":ref:`"]
