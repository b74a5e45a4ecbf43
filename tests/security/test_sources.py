"""The sources contain no code that could execute untrusted input."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import aiida_hpaint

ROOT = Path(aiida_hpaint.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))

MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
CALLS = {"eval", "exec", "__import__", "compile", "breakpoint", "execfile"}
METHODS = {
    "os": {"system", "popen", "spawnl", "spawnv", "execv", "execl"},
    "torch": {"hub"},
    "torch.jit": {"load"},
    "yaml": {"load", "load_all", "unsafe_load", "full_load", "unsafe_load_all", "full_load_all"},
    "zipfile": set(),
    "tarfile": {"open"},
    "shutil": {"unpack_archive"},
    "tempfile": {"mktemp"},
}
UNPACKING = {"extractall", "extract"}

JUSTIFIED = {
    # Its names stand for nothing that could run: see its docstring and its tests.
    ("science/diffusion/models/inert_pickles.py", "imports pickle"),
    # Processes of one job, by files in a folder that only its user can write to (mkdtemp).
    ("science/devices.py", "imports pickle"),
    # The error that torch.load(weights_only=True) raises.
    ("science/diffusion/training/run_record.py", "imports pickle"),
    # Its loader is the safe one, stricter about keys and nesting.
    ("cli/yaml_text.py", "calls yaml.load"),
    # Members are read into memory, up to a limit of size, and none is written under its name.
    ("science/databases/documents.py", "calls tarfile.open"),
    # A model that its user trusts, into a folder of its own, with the filter for data.
    ("science/relaxation/potentials/packages.py", "calls tarfile.open"),
    ("science/relaxation/potentials/packages.py", "calls archive.extractall"),
}
"""Exceptions, and why they are safe."""


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def keyword(call: ast.Call, name: str) -> object:
    """Return the literal value of a keyword, "?" if it is no literal, None if it is not given."""
    for given in call.keywords:
        if given.arg == name:
            return given.value.value if isinstance(given.value, ast.Constant) else "?"
    return None


def alarms(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"imports {n.name}" for n in node.names if n.name in MODULES)
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            yield f"imports {node.module}"
        if isinstance(node, ast.Call):
            yield from of_call(node)


def of_call(call: ast.Call) -> Iterator[str]:
    name = dotted(call.func)
    owner, _, method = name.rpartition(".")
    if name in CALLS or method in METHODS.get(owner, set()) or method in UNPACKING:
        yield f"calls {name}"
    if name == "torch.load" and keyword(call, "weights_only") is not True:
        yield "calls torch.load without weights_only=True"
    if name in ("np.load", "numpy.load") and keyword(call, "allow_pickle") is not False:
        yield "calls np.load without allow_pickle=False"
    if keyword(call, "allow_pickle") not in (None, False):
        yield f"calls {name} with allow_pickle"
    if keyword(call, "weights_only") not in (None, True):
        yield f"calls {name} without weights_only"
    if keyword(call, "shell") not in (None, False):
        yield f"calls {name} with a shell"
    if keyword(call, "trust_remote_code") not in (None, False):
        yield f"calls {name} with code of others"


def test_the_package_executes_nothing_that_it_reads() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), alarm)
        for path in SOURCES
        for alarm in alarms(ast.parse(path.read_text("utf-8")))
    }
    assert found - JUSTIFIED == set()
    assert JUSTIFIED - found == set(), "no longer there: take it off the list"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "import os; os.system('ls')",
        "import torch; torch.load('x')",
        "import torch; torch.load('x', weights_only=False)",
        "import numpy as np; np.load('x')",
        "import numpy as np; np.load('x', allow_pickle=True)",
        "import yaml; yaml.load(text, Loader=yaml.Loader)",
        "import subprocess; subprocess.run('ls', shell=True)",
        "archive.extractall('here')",
    ],
)
def test_dangerous_code_is_found(source: str) -> None:
    assert list(alarms(ast.parse(source)))
