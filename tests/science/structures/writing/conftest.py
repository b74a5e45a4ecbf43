"""Published crystals whose hydrogen was removed and is put back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from gemmi import cif

from aiida_hpaint.science.structures import StructureBatch, add_sites, read_hosts

FILES = Path(__file__).parent / "files"


class Crystal(NamedTuple):
    """A published crystal, the host without its H, and the answer with them where they belong."""

    published: Path
    host: StructureBatch
    answer: StructureBatch


def remove_hydrogen(text: str) -> str:
    """Return the only block of a CIF without the rows of H, as someone could have published it."""
    block = cif.read_string(text).sole_block()
    for tag in ("_atom_site_label", "_atom_site.label", "_atom_site_aniso_label"):
        item = block.find_loop_item(tag)
        if item is None:
            continue
        loop = item.loop
        width = len(loop.tags)
        rows = [loop.values[at : at + width] for at in range(0, len(loop.values), width)]
        place = loop.tags.index(tag)
        kept = [row for row in rows if not re.match(r"H(?![a-z])", row[place])]
        loop.set_all_values([list(column) for column in zip(*kept, strict=True)])
    return str(block.as_string())


def make_crystal(published: Path, folder: Path) -> Crystal:
    """Read a published crystal, and make host and answer of it."""
    full = read_hosts(published)
    without = folder / f"{published.stem}.cif"
    without.write_text(remove_hydrogen(published.read_text("utf-8")), "utf-8")
    hydrogen = full.numbers == 1
    host = add_sites(read_hosts(without), {"H": int(hydrogen.sum())})
    coords = np.concatenate([full.frac_coords[~hydrogen], full.frac_coords[hydrogen]])
    metadata = {key: value for key, value in host.metadata[0].items() if key != "record"}
    return Crystal(published, host, replace(host, frac_coords=coords, metadata=(metadata,)))


@pytest.fixture(params=sorted(FILES.glob("*.cif")), ids=lambda path: path.stem)
def crystal(request: pytest.FixtureRequest, tmp_path: Path) -> Crystal:
    """Each of the published crystals."""
    return make_crystal(request.param, tmp_path)


@pytest.fixture
def brucite_crystal(tmp_path: Path) -> Crystal:
    """Brucite, P-3m1 with H on the threefold axis."""
    return make_crystal(FILES / "Brucite_07912.cif", tmp_path)
