"""Conventions that no linter checks."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import pytest

import aiida_hpaint

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "aiida_hpaint").rglob("*.py"))
LONGEST_FILE = 400
USER_BROUGHT = {"chgnet", "dftd3", "mace", "mattersim"}
"""Potentials, and a correction of them, that are used if they are installed."""


def test_files_stay_short() -> None:
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    """Distributions that the package asks for, those of the extra `ml` included."""
    lines = requires("aiida-hpaint") or []
    ours = [line for line in lines if "extra ==" not in line or "extra == 'ml'" in line]
    return {normalised(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in ours}


def test_every_import_is_a_declared_dependency() -> None:
    ours = set(sys.stdlib_module_names) | {"aiida_hpaint"}
    distributions = packages_distributions()
    undeclared = {
        name: sorted(str(path.relative_to(ROOT)) for path in SOURCES if name in imported(path))
        for name in sorted(set().union(*map(imported, SOURCES)) - ours - USER_BROUGHT)
        if not {normalised(found) for found in distributions.get(name, [])} & declared()
    }
    assert undeclared == {}


def test_the_version_is_the_installed_one_and_in_the_changelog() -> None:
    assert aiida_hpaint.__version__ == version("aiida-hpaint")
    assert f"## {aiida_hpaint.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["CITATION.cff", "README.md", "LICENSE", "CONTRIBUTING.md"])
def test_newcomers_find(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


ENGINES = {"aiida", "aiida_workgraph", "aiida_pythonjob", "node_graph", "plumpy", "kiwipy"}
ENGINE = ROOT / "aiida_hpaint" / "workflows" / "engine"
UPSTREAM = {
    ENGINE / f"{name}.py"
    for name in ("upstream", "upstream_graphs", "upstream_jobs", "upstream_queries")
}
PRIVATE = {
    "_awaitables",
    "_action_awaitables",
    "_context",
    "_executed_tasks",
    "_graph_class",
    "_on_awaitable_finished",
    "_task_results",
    "_wgdata",
}
"""Names of private attributes of the engines, which are also found in subclasses of theirs."""


def private_uses(path: Path) -> set[str]:
    """Private attributes that a file uses of objects other than its own."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            own = ast.unparse(node.value) in ("self", "cls", "super()")
            is_private = node.attr.startswith("_") and not node.attr.startswith("__")
            if node.attr in PRIVATE or (is_private and not own):
                found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.Constant):
            name = node.name if isinstance(node, ast.FunctionDef) else node.value
            found |= {name} & PRIVATE if isinstance(name, str) else set()
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ENGINES:
            found |= {alias.name for alias in node.names if alias.name.startswith("_")}
    return found


def test_private_parts_of_the_engines_are_used_in_four_files() -> None:
    files = [path for path in SOURCES if imported(path) & ENGINES and path not in UPSTREAM]
    uses = {str(path.relative_to(ROOT)): private_uses(path) for path in files}
    assert {name: used for name, used in uses.items() if used} == {}
    for file in UPSTREAM:
        assert private_uses(file)
