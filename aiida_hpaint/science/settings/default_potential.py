"""The potential that relaxes and ranks where the settings name none."""

from __future__ import annotations

from pathlib import Path

from aiida_hpaint.science.files import models_folder

EMBEDDED = "sevennet-0"
"""Potential whose weights come with its package: it needs neither a network nor a file."""


def find_default_potential() -> str:
    """Return the potential that `aiida-hpaint setup potential` chose on this machine.

    Without one it is the embedded one. It is looked up when settings are made: these, and all that
    is computed with them, name the potential itself.
    """
    try:
        return _choice().read_text("utf-8").strip() or EMBEDDED
    except FileNotFoundError:
        return EMBEDDED


def choose_default_potential(name: str) -> Path:
    """Make a potential the default on this machine; return the file that says so."""
    path = _choice()
    if name == EMBEDDED:
        path.unlink(missing_ok=True)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{name}\n", "utf-8")
    return path


def _choice() -> Path:
    return models_folder() / "default_potential"
