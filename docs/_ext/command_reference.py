"""Directive `command-reference`: all commands with their options, from the commands themselves.

Help is text for a terminal, so that nothing in it is taken for markup but `code`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import click
from docutils import nodes
from docutils.parsers.rst import Directive

from aiida_hpaint.cli import main
from aiida_hpaint.cli.commands import list_subcommands

_COMMON = ("quiet", "verbose", "help")
"""Parameters of all commands, which are listed once."""


class CommandReference(Directive):
    """Sections of all commands: usage, description, examples and options."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each command, and sections in those of groups."""
        root = click.Context(main, info_name="aiida-hpaint")
        common = nodes.section(ids=["cmd-common"], names=["common options"])
        common += nodes.title(text="Options of aiida-hpaint itself")
        common += _list_options(main, root, skipped=())
        return [_list_commands(), common, *_list_sections(main, root)]


def _list_commands() -> nodes.definition_list:
    """Return all commands with their first sentence, as links to their sections."""
    found = nodes.definition_list()
    for name, command in list_subcommands(main).items():
        link = nodes.reference("", "", nodes.literal(text=name), refid=f"cmd-{name}", internal=True)
        item = nodes.definition_list_item("", nodes.term("", "", link))
        text = " ".join(command.get_short_help_str(1000).split())
        item += nodes.definition("", nodes.paragraph("", "", *_mark_code(text)))
        found += item
    return found


def _list_sections(group: click.Group, parent: click.Context) -> Iterator[nodes.section]:
    for name, command in list_subcommands(group).items():
        context = click.Context(command, info_name=name, parent=parent)
        path = context.command_path.removeprefix("aiida-hpaint ")
        section = nodes.section(ids=[f"cmd-{path.replace(' ', '-')}"], names=[path])
        section += nodes.title(text=path)
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        section += _make_block(usage)
        section += list(_describe(command.help or ""))
        section += _list_options(command, context)
        if isinstance(command, click.Group):
            section += list(_list_sections(command, context))
        yield section


def _describe(text: str) -> Iterator[nodes.Node]:
    """Return the paragraphs of a help text; what it keeps in lines is a block."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if not paragraph.startswith("\b"):
            yield nodes.paragraph("", "", *_mark_code(" ".join(paragraph.split())))
            continue
        lines = paragraph.split("\n")[1:]
        if lines and lines[0].rstrip().endswith(":") and not lines[0].startswith(" "):
            yield nodes.paragraph("", "", *_mark_code(lines.pop(0)))
        yield _make_block(textwrap.dedent("\n".join(lines)))


def _list_options(
    command: click.Command, context: click.Context, skipped: tuple[str, ...] = _COMMON
) -> nodes.definition_list:
    found = nodes.definition_list()
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if record and option.name not in skipped:
            item = nodes.definition_list_item()
            item += nodes.term("", "", nodes.literal(text=record[0]))
            item += nodes.definition("", nodes.paragraph("", "", *_mark_code(record[1])))
            found += item
    return found


def _make_block(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="text")


def _mark_code(text: str) -> Iterator[nodes.Node]:
    """Return text with what is between backticks as code."""
    for number, part in enumerate(text.split("`")):
        if part:
            yield nodes.literal(text=part) if number % 2 else nodes.Text(part)


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-reference", CommandReference)
    return {"parallel_read_safe": True}
