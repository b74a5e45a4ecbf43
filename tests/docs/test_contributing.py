"""The tables of CONTRIBUTING.md are the packages that there are, in the order of the contracts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
CONTRACTS = re.findall(
    r'containers = \["([\w.]+)"\].*?layers = \[(.*?)\]',
    (ROOT / "pyproject.toml").read_text("utf-8"),
    re.DOTALL,
)


@pytest.mark.parametrize(("container", "layers"), CONTRACTS)
def test_a_table_has_the_packages_and_the_layers(container: str, layers: str) -> None:
    folder = container.replace(".", "/")
    table = TEXT.partition(f"`{folder}`:\n\n")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    rows = [set(re.findall(r"`(\w+)`", cell)) for cell in cells]
    assert rows == [set(layer.split(" | ")) for layer in re.findall(r'"(.+)"', layers)]
    there = {
        path.stem
        for path in (ROOT / folder).iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }
    assert set().union(*rows) == there


def test_both_contracts_are_there() -> None:
    assert [container for container, _ in CONTRACTS] == ["aiida_hpaint", "aiida_hpaint.science"]


def test_paths_exist() -> None:
    paths = re.findall(r"`((?:tests|aiida_hpaint|\.ci)/[\w./]+)`", TEXT)
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
