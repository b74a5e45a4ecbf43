"""The example structures: as published, and complete once their H is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science.structures import (
    prepare_hosts,
    read_hosts,
    remove_sites,
    to_pymatgen,
)

# Group, H in the cell, density with H (g/cm³), shortest bonds of H (Å), all as published.
EXAMPLES = {
    "brucite": (164, 2, 2.363, {"O": 0.919}),
    "portlandite": (164, 2, 2.246, {"O": 0.942}),
    "lithium_hydroxide": (129, 2, 1.457, {"O": 0.923}),
    "magnesium_hydride": (136, 4, 1.431, {"Mg": 1.948}),
    "sodium_alanate": (88, 16, 1.297, {"Al": 1.626}),
    "lithium_perchlorate_trihydrate": (186, 12, 1.894, {"O": 0.950}),
    "diaspore": (62, 4, 3.381, {"O": 0.989}),
    "urea": (113, 8, 1.375, {"N": 1.007}),
}


def test_every_example_is_listed_here_and_described(examples: Path) -> None:
    for folder in ("hosts", "references"):
        assert {path.stem for path in (examples / folder).glob("*.cif")} == set(EXAMPLES)
    readme = (examples / "hosts" / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in readme for name in EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_references_are_what_was_published(examples: Path, name: str) -> None:
    group, hydrogens, density, bonds = EXAMPLES[name]
    reference = read_hosts(examples / "references" / f"{name}.cif")
    structure = to_pymatgen(reference)[0]
    assert structure.get_space_group_info(symprec=1e-3)[1] == group
    assert structure.density == pytest.approx(density, abs=1e-3)
    assert int((reference.numbers == 1).sum()) == hydrogens
    for site in structure:
        if site.specie.symbol == "H":
            nearest = min(structure.get_neighbors(site, 2.5), key=lambda other: other.nn_distance)
            assert nearest.nn_distance == pytest.approx(bonds[nearest.specie.symbol], abs=3e-3)


@pytest.mark.parametrize("name", EXAMPLES)
def test_hosts_lack_their_hydrogen_and_nothing_else(examples: Path, name: str) -> None:
    path, complete = (examples / kind / f"{name}.cif" for kind in ("hosts", "references"))
    prepared, problems = prepare_hosts(path)
    assert prepared is not None
    assert not problems
    assert prepared.insert_counts.tolist() == [EXAMPLES[name][1]]
    assert "nothing is missing" in str(prepare_hosts(complete)[1][0])
    hosts, _ = remove_sites(read_hosts(complete))
    assert np.array_equal(prepared.frac_coords, hosts.frac_coords, equal_nan=True)
    assert np.array_equal(prepared.cells, hosts.cells)
    assert np.array_equal(prepared.numbers, hosts.numbers)
