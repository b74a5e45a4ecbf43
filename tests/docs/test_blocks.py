"""Blocks of all pages: Python compiles and imports what there is, commands have their options."""

from __future__ import annotations

import ast
import importlib
import re
import textwrap
from pathlib import Path

import click
import pytest
from page_commands import PAGES, ROOT, find_blocks, find_commands

from aiida_hpaint.cli import main


def parse(words: list[str]) -> None:
    """Parse a command as click does, without looking at the files that it names."""
    command: click.Command = main
    context = click.Context(main, info_name="aiida-hpaint")
    while isinstance(command, click.Group):
        rest = command.make_parser(context).parse_args(list(words))[1]
        if not rest or rest[0].startswith("-"):
            return
        name, *words = rest
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    command.make_parser(context).parse_args(list(words))


@pytest.mark.parametrize(
    ("page", "words"),
    find_commands(),
    ids=lambda one: one if isinstance(one, str) else " ".join(one),
)
def test_commands_of_pages_have_their_options(page: str, words: list[str]) -> None:
    parse(words)


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_of_pages_compiles_and_imports_what_there_is(page: Path) -> None:
    for block in find_blocks(page, "python"):
        # Fragments of classes are indented below a comment that says where they belong.
        is_fragment = re.match(r"(#.*\n)+ +", block)
        text = f"if True:\n{block}" if is_fragment else textwrap.dedent(block)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aiida_hpaint"):
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    if not hasattr(module, alias.name):
                        importlib.import_module(f"{node.module}.{alias.name}")


def test_the_parser_refuses_what_there_is_not() -> None:
    with pytest.raises(click.UsageError):
        parse(["restore", "host.cif", "--no-such-option"])
    with pytest.raises(AssertionError):
        parse(["restor", "host.cif"])
    assert sum(1 for _ in find_commands()) > 80
