"""What importing costs: the command line answers at once, the science never needs AiiDA."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "aiida", "aiida_workgraph", "pymatgen", "ase", "sevenn", "lightning"}
AIIDA = {"aiida", "aiida_workgraph", "aiida_pythonjob", "aiida_quantumespresso", "node_graph"}


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `code`."""
    report = "; import sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def import_all(modules: list[str]) -> str:
    """The code that imports modules of the package; what one of them loads is loaded."""
    return "import " + ", ".join(f"aiida_hpaint.{name}" for name in modules)


@pytest.fixture(scope="module")
def recipe_modules() -> set[str]:
    return modules_after("import aiida_hpaint.science.restoration")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["restore", "--help"]])
def test_the_command_line_answers_without_heavy_packages(arguments: list[str]) -> None:
    code = f"from aiida_hpaint.cli import main; main({arguments}, standalone_mode=False)"
    assert modules_after(code) & HEAVY == set()


def test_the_package_alone_is_light() -> None:
    assert modules_after("import aiida_hpaint") & HEAVY == set()


def test_science_and_a_plain_restoration_on_the_command_line_need_no_aiida() -> None:
    science = ["settings", "structures", "diffusion", "relaxation", "evaluation", "restoration"]
    cli = ["tables", "restore.run", "restore.restore"]
    modules = [f"science.{name}" for name in science] + [f"cli.{name}" for name in cli]
    assert modules_after(import_all(modules)) & AIIDA == set()


@pytest.mark.parametrize("package", ["torch", "pymatgen", "sevenn", "e3nn", "matplotlib"])
def test_the_plain_recipe_alone_is_light(package: str, recipe_modules: set[str]) -> None:
    assert package not in recipe_modules


def test_structures_evaluation_and_identities_need_no_torch() -> None:
    science = [f"science.{name}" for name in ("settings", "structures", "evaluation")]
    assert "torch" not in modules_after(import_all([*science, "calculations.identity"]))


def test_a_command_imports_itself_alone() -> None:
    code = (
        "from aiida_hpaint.cli import main; main(['status', '--help'], standalone_mode=False); "
        "import sys; assert not {name for name in sys.modules if name.startswith("
        "('aiida_hpaint.science.structures', 'aiida_hpaint.cli.restore'))}"
    )
    modules_after(code)


def test_the_state_of_a_campaign_needs_little() -> None:
    modules = ["campaigns.state", "cli.campaigns.status", "data.structure_batch"]
    heavy = (HEAVY | {"scipy"}) - {"aiida", "ase"}
    assert modules_after(import_all(modules)) & heavy == set()
