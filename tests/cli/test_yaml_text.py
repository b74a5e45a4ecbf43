"""YAML of users: nothing is lost or hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.cli.yaml_text import parse_yaml, read_yaml

BRUCITE = Path(__file__).parents[2] / "examples" / "hosts" / "brucite.cif"


def test_plain_values_are_read() -> None:
    text = "base: &base {x: 1}\nadd: {H: 2}\nlist: [1, 2.5, null]\nmore: {<<: *base, y: 2}"
    found = parse_yaml(text, "text")
    assert found["add"] == {"H": 2}
    assert found["list"] == [1, 2.5, None]
    assert found["more"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("add: {H: 2, H: 3}", "x.yaml, line 1: the key 'H' is given twice"),
        ("a: 1\nb: 2\na: 3", "x.yaml, line 3: the key 'a' is given twice"),
        ("[" * 5000, "more than 50 levels of nesting"),
        ("{a: " * 5000, "more than 50 levels of nesting"),
        ("a: [1", "x.yaml is not YAML, line 1"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
    ],
)
def test_what_would_be_lost_or_hidden_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"x\.yaml") as caught:
        parse_yaml(text, "x.yaml")
    assert message in str(caught.value)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("a: 1".encode("utf-16"))
    with pytest.raises(ValueError, match="is not encoded as UTF-8"):
        read_yaml(path)
    path.write_bytes("a: 1".encode("utf-8-sig"))
    assert read_yaml(path) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hosts: [HOST]\nadd: {H: 2, H: 3}", "the key 'H' is given twice"),
        ("hosts: [HOST]\nsettings: 5", "settings"),
        ("hosts: [HOST]\nsettings: {sampling: 5}", "sampling"),
        ("hosts: 5", "hosts"),
        ("- HOST", "keys and values are needed"),
        ("5", "keys and values are needed"),
    ],
)
def test_commands_say_what_is_wrong_with_a_file(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "restore.yaml"
    path.write_text(text.replace("HOST", str(BRUCITE)))
    result = CliRunner().invoke(main, ["restore", str(path), "--no-aiida"])
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "not expected" not in result.output
