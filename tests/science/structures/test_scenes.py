"""Scenes: which atoms, bonds and hydrogen bonds a picture shows."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.spacegroup import crystal

from aiida_hpaint.science.structures import StructureBatch, from_ase, read_hosts
from aiida_hpaint.science.structures.pictures import draw_picture
from aiida_hpaint.science.structures.scenes import Scene, make_scene

REFERENCES = Path(__file__).parents[3] / "examples" / "references"


def read(name: str) -> StructureBatch:
    return read_hosts([REFERENCES / f"{name}.cif"])


def count_bonds(scene: Scene, symbol: str) -> Counter[int]:
    """How many atoms of an element have how many bonds."""
    bonds = Counter(scene.bonds.ravel().tolist())
    return Counter(bonds[k] for k, one in enumerate(scene.symbols) if one == symbol)


def test_metals_get_all_their_neighbours() -> None:
    scene = make_scene(read("brucite"))
    # Mg at the eight corners, each in an octahedron of O.
    assert count_bonds(scene, "Mg") == {6: 8}
    lengths = np.linalg.norm(np.diff(scene.positions[scene.bonds], axis=1)[:, 0], axis=1)
    kinds = ["H" in (scene.symbols[i], scene.symbols[j]) for i, j in scene.bonds.tolist()]
    np.testing.assert_allclose(lengths[kinds], 0.1927 * 4.7677, atol=2e-3)


def test_molecules_and_ions_are_whole() -> None:
    scene = make_scene(read("lithium_perchlorate_trihydrate"))
    assert set(count_bonds(scene, "Cl")) == {4}
    hydrogens = Counter(
        scene.symbols[j if scene.symbols[i] == "H" else i]
        for i, j in scene.bonds.tolist()
        if "H" in (scene.symbols[i], scene.symbols[j])
    )
    assert set(hydrogens) == {"O"}


def test_of_a_framework_only_what_surrounds_the_cell_is_drawn() -> None:
    quartz = crystal(
        ("Si", "O"),
        [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)],
        spacegroup=154,
        cellpar=[4.9137, 4.9137, 5.4047, 90, 90, 120],
    )
    scene = make_scene(from_ase([quartz]))
    frac = scene.positions @ np.linalg.inv(scene.cell)
    silicon = scene.numbers == 14
    assert (np.abs(frac[silicon] - 0.5) < 0.53).all()
    assert count_bonds(scene, "Si") == {4: int(silicon.sum())}


def test_polyhedra_are_those_of_metals_and_of_centres_of_anions() -> None:
    scene = make_scene(read("lithium_perchlorate_trihydrate"))
    faces = {(scene.symbols[middle], len(triangles)) for middle, triangles in scene.polyhedra}
    # An octahedron has eight faces, a tetrahedron four.
    assert faces == {("Li", 8), ("Cl", 4)}
    corners = {scene.symbols[k] for _, triangles in scene.polyhedra for k in triangles.ravel()}
    assert corners == {"O"}


def test_hydrogen_bonds_begin_at_hydrogen() -> None:
    scene = make_scene(read("diaspore"))
    ends = {(scene.symbols[i], scene.symbols[j]) for i, j in scene.hydrogen_bonds.tolist()}
    assert ends == {("H", "O")}


def test_hydrides_have_bonds_to_metals() -> None:
    assert set(count_bonds(make_scene(read("magnesium_hydride")), "Mg")) == {6}


def test_the_host_as_measured_lies_beside() -> None:
    structure = read("brucite")
    before = structure.frac_coords + np.array([2.0, -1.0, 0.01])
    scene = make_scene(structure, before)
    shift = scene.before - scene.positions
    wanted = np.broadcast_to(0.01 * structure.cells[0][2], shift.shape)
    np.testing.assert_allclose(shift, wanted, atol=1e-9)


def test_the_view_is_a_rotation_with_c_up() -> None:
    scene = make_scene(read("lithium_perchlorate_trihydrate"))
    np.testing.assert_allclose(scene.view @ scene.view.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(scene.view) == pytest.approx(1)
    on_screen = scene.cell @ scene.view
    assert on_screen[2, 1] > 0
    assert on_screen[0, 2] > 0


def test_a_picture_is_svg_with_a_ball_for_each_atom() -> None:
    scene = make_scene(read("brucite"))
    tree = ET.fromstring(draw_picture(scene))
    balls = tree.findall("{http://www.w3.org/2000/svg}circle")
    assert len(balls) == len(scene.numbers)


def test_the_host_stands_still_where_inserted_sites_move() -> None:
    urea = read("urea")
    urea = replace(urea, inserted=urea.numbers == 1)
    moved = urea.frac_coords.copy()
    moved[urea.inserted] += 0.25
    scenes = [make_scene(one, through_inserted=False) for one in (urea, urea.with_coords(moved))]
    one, other = (
        {tuple(row) for row in np.round(scene.positions[~scene.inserted], 3).tolist()}
        for scene in scenes
    )
    assert one == other
    bonds = Counter(scenes[0].bonds.ravel().tolist())
    assert all(bonds[k] for k in np.flatnonzero(scenes[0].inserted).tolist())
