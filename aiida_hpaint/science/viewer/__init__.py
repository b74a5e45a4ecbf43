"""Crystals in 3D in a browser: 3Dmol.js and the script that drives it, as files of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

__all__ = [
    "INSERTED",
    "LIBRARY",
    "LICENCE",
    "SCRIPT",
    "CrystalView",
    "list_balls",
    "make_environment",
    "read_asset",
]

INSERTED = "#d6187f"
"""Colour of inserted sites, which no common element has."""

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


def make_environment(*packages: str) -> Any:
    """Return what fills the templates of packages and of this one; all texts are escaped."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, __name__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@dataclass(frozen=True)
class CrystalView:
    """Crystals in 3D, one at a time: Jupyter shows it, and `save` writes it as a page.

    Attributes
    ----------
    scenes
        What `structures.scenes.Scene.to_json` returns, each with a `title`.
    picture
        SVG of the first, where there is no WebGL.
    height
        Height in Jupyter, pixels.
    """

    scenes: Sequence[Mapping[str, Any]]
    picture: str
    height: int = 480

    def to_html(self) -> str:
        """Return a page that needs no other file."""
        content = {
            "title": self.scenes[0]["title"],
            "scenes": list(self.scenes),
            "picture": self.picture,
            "balls": list_balls(self.scenes),
            "inserted_colour": INSERTED,
            "library_text": read_asset(LIBRARY),
            "script": read_asset(SCRIPT),
            "nonce": sha256(repr(self.scenes).encode()).hexdigest()[:32],
        }
        return str(make_environment().get_template("view.html").render(content))

    def save(self, path: Path | str) -> Path:
        """Write the page to a file, and return its path."""
        Path(path).write_text(self.to_html(), encoding="utf-8", newline="\n")
        return Path(path)

    def _repr_html_(self) -> str:
        # A frame of its own keeps scripts and styles of the page and of the notebook apart.
        style = f"width:100%;height:{self.height}px;border:0"
        return f'<iframe srcdoc="{escape(self.to_html())}" style="{style}"></iframe>'


def list_balls(scenes: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the elements of sites that were not inserted, with the colours of their balls."""
    found: dict[str, str] = {}
    for scene in scenes:
        inserted = set(scene["inserted"])
        for index, symbol in enumerate(scene["symbols"]):
            if index not in inserted:
                found[symbol] = scene["balls"][symbol][0]
    return sorted(found.items())
