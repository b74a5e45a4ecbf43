"""Tables that pymatgen has as files, without its modules, which take seconds to read them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["read_pymatgen_table"]

_PACKAGES = ("pymatgen.core", "pymatgen.analysis")
"""Packages in whose folders the files are, in newer and in older versions."""


def read_pymatgen_table(name: str) -> dict[str, Any] | None:
    """Read a YAML file of pymatgen; None where this version has none of that name."""
    import yaml

    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            path = Path(folder, name)
            if path.is_file():
                found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
                return found
    return None
