"""Crystals in 3D in a browser: 3Dmol.js and the script that drives it, as files of the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["LIBRARY", "LICENCE", "SCRIPT", "read_asset"]

LIBRARY = "3Dmol-min.js"
"""3Dmol.js 2.5.5 of the npm package 3dmol (BSD 3-Clause; `3Dmol-min.js.LICENSE.txt`), unchanged.
N. Rego and D. Koes, Bioinformatics 31, 1322 (2015)."""

LICENCE = f"{LIBRARY}.LICENSE.txt"
"""Its licence."""

SCRIPT = "crystal.js"
"""What shows the scenes of `structures.scenes` with it."""


@cache
def read_asset(name: str) -> str:
    """Return the text of a file of this package."""
    return (files(__package__ or "") / "assets" / name).read_text(encoding="utf-8")
