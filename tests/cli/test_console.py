from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner
from rich.table import Table

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.console import echo_json, open_progress, print_table
from aiida_hpaint.cli.verbosity import say


@click.command(cls=Command)
def work() -> None:
    say("a note")
    with open_progress() as show:
        for done in range(1001):
            show("sampling", done, 1000)
    click.echo("result")


@pytest.mark.parametrize(
    ("arguments", "stderr"), [([], "a note\nsampling: 1000/1000\n"), (["-q"], "")]
)
def test_progress_is_rare_and_on_stderr(arguments: list[str], stderr: str) -> None:
    result = CliRunner().invoke(work, arguments)
    assert result.stdout == "result\n"
    assert result.stderr == stderr


def test_tables_never_break_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    for length in (10, 200):
        table = Table("file", "about")
        table.add_row("x" * length, "several words that may be on lines of their own " * 2)
        print_table(table)
        lines = capsys.readouterr().out.splitlines()
        assert "x" * length in "".join(lines)
        assert any("x" * length in line for line in lines)
        assert max(map(len, lines)) <= max(80, length + 30)


def test_columns_that_fold_keep_a_table_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("what")
    table.add_column("there", overflow="fold")
    table.add_row("PYTHONPATH", "/a/folder" * 30)
    print_table(table)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.count("/a/f") for line in lines) >= 20


def test_json_has_null_for_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"a": [float("nan"), 1.5], "b": (float("inf"),)})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.5], "b": [None]}


def test_columns_move_together_before_a_table_becomes_wider(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table("record", *"abcdef")
    table.add_row("x" * 45, *["four"] * 6)
    print_table(table)
    assert max(map(len, capsys.readouterr().out.splitlines())) == 77
