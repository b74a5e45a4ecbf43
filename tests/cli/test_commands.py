from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from aiida_hpaint.cli import main
from aiida_hpaint.cli.commands import list_subcommands

BRUCITE = str(Path(__file__).parents[2] / "examples" / "hosts" / "brucite.cif")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def list_all(command: click.Command, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return [words]
    inside = [list_all(one, (*words, name)) for name, one in list_subcommands(command).items()]
    return [words, *(found for group in inside for found in group)]


@pytest.mark.parametrize("words", list_all(main), ids=" ".join)
def test_all_commands_have_short_options(words: tuple[str, ...]) -> None:
    result = run(*words, "-h")
    assert result.exit_code == 0, result.output
    assert result.output == run(*words, "--help").output
    for option in ("-q, --quiet", "-v, --verbose", "-h, --help"):
        assert option in result.output
    shown = CliRunner().invoke(main, [*words, "-h"], terminal_width=80).output
    assert [line for line in shown.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("command", ["restore", "submit", "demo"])
def test_help_has_sections_and_more_on_request(command: str) -> None:
    usual, everything = run(command, "--help").output, run(command, "--help-all").output
    for title in ("How much work:", "Where to run:", "Density-functional theory:"):
        assert title in usual
        assert title in everything
    for option in ("--scheme", "--start-from", "--upload-model"):
        assert f"  {option}" not in usual
        assert f"  {option}" in everything
    params = [
        one for one in list_subcommands(main)[command].params if isinstance(one, click.Option)
    ]
    assert all(one.opts[-1] in everything for one in params)
    # What has no section of its own is help about help.
    left = everything.split("\nOptions:\n")[1].split()
    assert {word for word in left if word.startswith("--")} == {"--help-all", "--help"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resore", "x.cif"], "Did you mean restore?"),
        (["models", "lst"], "Did you mean list?"),
        (["models", "fetch", "xtalpaint/posonly"], "Did you mean xtalpaint/pos-only?"),
        (["restore", BRUCITE.replace("ite", "it"), "--no-aiida"], "did you mean"),
        (["restore", BRUCITE, "--format", "cif,poscr"], "Did you mean poscar?"),
        (["restore", BRUCITE, "--no-aiida", "--code", "x"], "--code is for jobs of AiiDA"),
        (["count", BRUCITE, "--no-aiida", "--element", "li"], "Did you mean Li?"),
        (["restore", BRUCITE, "--add", "H2", "--no-aiida"], "Did you mean H:2?"),
        (["restore", BRUCITE, "--add", "2", "--no-aiida"], "Did you mean H:2?"),
        (["restore", BRUCITE, "--add", "4:H", "--no-aiida"], "Did you mean H:4?"),
        (["restore", BRUCITE, "--add", "h:2", "--no-aiida"], "Did you mean H?"),
        (["restore", BRUCITE, "--protocol", "balance", "--no-aiida"], "Did you mean balanced?"),
        (["restore", BRUCITE, "--generator", "bundle", "--no-aiida"], "Did you mean bundled?"),
        (["models", "show", "xtalpaint/td-pos"], "Did you mean xtalpaint/td-pos-only?"),
    ],
)
def test_what_was_mistyped_is_suggested(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("arguments", "incomplete", "expected"),
    [
        (["restore", "--protocol"], "", {"fast", "balanced", "stringent"}),
        (["restore", "--dft-protocol"], "p", {"paper"}),
        (["restore", "--generator"], "b", {"bundled"}),
        (["models", "show"], "xtalpaint/p", {"xtalpaint/pos-only"}),
        (["restore", "--potential"], "sevennet-0", {"sevennet-0"}),
        (["restore"], "exa", {"exa"}),
        (["restore", "x.cif", "--format"], "po", {"poscar"}),
        ([], "prov", {"provenance"}),
    ],
)
def test_the_shell_completes_values(
    arguments: list[str], incomplete: str, expected: set[str]
) -> None:
    found = ShellComplete(main, {}, "aiida-hpaint", "_X").get_completions(arguments, incomplete)
    assert {one.value for one in found} == expected


def test_models_are_json() -> None:
    found = json.loads(run("models", "list", "--json").output)
    assert "bundled" in {one["name"] for one in found["generators"]}
    assert "sevennet-0" in {one["name"] for one in found["potentials"]}
    assert json.loads(run("models", "show", "bundled", "--json").output)["name"] == "bundled"
    assert json.loads(run("models", "show", "xtalpaint/pos-only", "--json").output)["revision"]
