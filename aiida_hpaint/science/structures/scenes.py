"""What a picture of a crystal shows: atoms of the cell and on its faces, and their bonds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_atomic_number, get_symbol
from aiida_hpaint.science.structures.insertion import ISOTOPE
from aiida_hpaint.science.structures.scene_bonds import (
    Place,
    SiteBond,
    find_endless,
    find_scene_bonds,
    group_bonds,
)
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

__all__ = ["Scene", "make_scene"]

_ON_FACE = 0.02
"""Fractional distance within which a site counts as on a face of the cell."""

_ROUNDS = 6
"""How many bonds a molecule is completed along beyond the cell."""

_DECIMALS = 3

_CENTRES = (5, 14, 15, 16, 17, 32, 33, 34, 51, 52, 53)
"""B, Si, P, S, Cl and heavier ones, which N, O and F surround in anions."""

_CORNERS = (7, 8, 9)

_TURNED = (22.0, 12.0)
"""Degrees by which the crystal is turned to the side and forward."""

_HYDROGEN = "#d9d9d9"


@dataclass(frozen=True, eq=False)
class Scene:
    """M atoms that are drawn for one structure.

    Attributes
    ----------
    cell : (3, 3)
        Lattice vectors as rows, Å.
    numbers, sites : (M,)
        Atomic number of each atom, and the site of the structure that it is an image of.
    positions : (M, 3)
        Cartesian, Å.
    inserted : (M,)
        Whether its site was inserted.
    labels : (M,) strings
        Label of its site.
    before : (M, 3)
        Where the source of the host has it, Å; NaN for inserted sites, or where that is not known.
    bonds, hydrogen_bonds : (B, 2), (K, 2)
        Pairs of atoms; of a hydrogen bond H comes first.
    polyhedra
        Coordination polyhedra of metals, and of centres of anions such as P: the atom in the
        middle, and triangles (F, 3) of its neighbours.
    isotope
        What inserted H stand for: H, D or T.
    """

    cell: FloatArray
    numbers: IntArray
    sites: IntArray
    positions: FloatArray
    inserted: BoolArray
    labels: tuple[str, ...]
    before: FloatArray
    bonds: IntArray
    hydrogen_bonds: IntArray
    polyhedra: tuple[tuple[int, IntArray], ...] = ()
    isotope: str = "H"

    @property
    def symbols(self) -> list[str]:
        """Element of each atom; D and T where inserted H stand for them."""
        return [
            self.isotope if inserted and number == 1 else get_symbol(number)
            for number, inserted in zip(self.numbers.tolist(), self.inserted.tolist(), strict=True)
        ]

    @property
    def view(self) -> FloatArray:
        """(3, 3) matrix from Cartesian coordinates to those of the screen, as row vectors.

        On the screen x points to the right, y up and z to the reader: c is up, a comes forward, and
        the crystal is turned a little to the side and forward, as drawings of crystals are.
        """
        up = self.cell[2] / np.linalg.norm(self.cell[2])
        forward = self.cell[0] - (self.cell[0] @ up) * up
        forward /= np.linalg.norm(forward)
        axes = np.stack([np.cross(up, forward), up, forward], axis=1)
        side, tilt = np.radians(_TURNED)
        about_y = np.array(
            [[np.cos(side), 0, -np.sin(side)], [0, 1, 0], [np.sin(side), 0, np.cos(side)]]
        )
        about_x = np.array(
            [[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]]
        )
        turned: FloatArray = axes @ about_y @ about_x
        return turned

    @property
    def balls(self) -> dict[str, tuple[str, float]]:
        """Colour and radius (Å) of the balls of each element that is drawn."""
        return {symbol: _make_ball(symbol) for symbol in sorted(set(self.symbols))}

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON, in the coordinates of the screen, Å with three decimals."""
        known, view = np.isfinite(self.before).all(axis=1), self.view
        return {
            "cell": np.round(self.cell @ view, _DECIMALS).tolist(),
            "balls": {symbol: list(ball) for symbol, ball in self.balls.items()},
            "symbols": self.symbols,
            "labels": list(self.labels),
            "positions": np.round(self.positions @ view, _DECIMALS).tolist(),
            "inserted": np.flatnonzero(self.inserted).tolist(),
            "before": {
                str(index): np.round(self.before[index] @ view, _DECIMALS).tolist()
                for index in np.flatnonzero(known).tolist()
            },
            "bonds": self.bonds.tolist(),
            "hydrogenBonds": self.hydrogen_bonds.tolist(),
            "polyhedra": [[middle, faces.tolist()] for middle, faces in self.polyhedra],
        }


def _make_ball(symbol: str) -> tuple[str, float]:
    from ase.data import covalent_radii
    from ase.data.colors import jmol_colors

    number = get_atomic_number(symbol)
    colour = (
        _HYDROGEN
        if number == 1
        else "#" + "".join(f"{round(255 * float(part)):02x}" for part in jmol_colors[number])
    )
    return colour, round(0.13 + 0.24 * float(covalent_radii[number]), 3)


def make_scene(
    structure: StructureBatch,
    before: FloatArray | None = None,
    labels: Sequence[str] = (),
    *,
    hydrogen_bonds: bool = True,
    through_inserted: bool = True,
) -> Scene:
    """Choose what is drawn of one structure, all of whose sites have positions.

    Atoms on a face, edge or corner of the cell are repeated there. Metal atoms get their
    neighbours, and molecules and ions are completed, beyond the faces too. Of chains, layers and
    frameworks only the surroundings of atoms such as Si in the cell are completed.

    Parameters
    ----------
    structure
        Batch of one structure of n sites.
    before : (n, 3)
        Fractional coordinates that the source gives; NaN for inserted sites.
    labels : (n,) strings
        Labels of the sites; by default the element and the number of the site, from 1.
    hydrogen_bonds
        Whether to show hydrogen bonds, and acceptors beyond the cell.
    through_inserted
        Whether bonds of inserted sites complete molecules; otherwise the same atoms of the host are
        drawn wherever inserted sites are.
    """
    frac = structure.frac_coords
    wrapped = np.mod(frac + _ON_FACE, 1.0) - _ON_FACE
    bonds, contacts = find_scene_bonds(structure, wrapped)
    contacts = contacts if hydrogen_bonds else []
    numbers = structure.numbers
    inserted = structure.inserted
    links = [
        bond
        for bond in bonds
        if through_inserted or not (inserted[bond.first] or inserted[bond.second])
    ]
    places = _place_atoms(numbers, wrapped, links, contacts)
    if not through_inserted:
        places = _move_to_carriers(places, bonds, inserted)
    index = {place: row for row, place in enumerate(places)}
    sites = np.array([site for site, _ in places], dtype=np.int64)
    images = np.array([image for _, image in places], dtype=np.float64).reshape(-1, 3)
    names = labels or [f"{get_symbol(n)}{k + 1}" for k, n in enumerate(numbers.tolist())]
    known = np.full_like(frac, np.nan) if before is None else before + np.round(wrapped - before)
    positions = (wrapped[sites] + images) @ structure.cells[0]
    return Scene(
        cell=structure.cells[0],
        numbers=numbers[sites],
        sites=sites,
        positions=positions,
        inserted=structure.inserted[sites],
        labels=tuple(names[site] for site in sites.tolist()),
        before=(known[sites] + images) @ structure.cells[0],
        bonds=_list_pairs(index, bonds),
        hydrogen_bonds=_list_pairs(index, contacts),
        polyhedra=tuple(_find_polyhedra(index, bonds, numbers, positions)),
        isotope=str(structure.metadata[0].get(ISOTOPE) or "H"),
    )


def _place_atoms(
    numbers: IntArray, wrapped: FloatArray, bonds: list[SiteBond], contacts: list[SiteBond]
) -> list[Place]:
    """Return the atoms that are drawn: those in the cell first, then what completes them."""
    places: dict[Place, None] = {}
    for site, coords in enumerate(wrapped.tolist()):
        a, b, c = ((0, 1) if abs(x) <= _ON_FACE else (0,) for x in coords)
        places.update(dict.fromkeys((site, image) for image in product(a, b, c)))
    inside, of_site = list(places), group_bonds(bonds)
    # Metals get their neighbours, but an anion in the cell does not draw all metals around it.
    neighbours = [
        bond.reach(place)
        for place in places
        for bond in of_site[place[0]]
        if bond.kind == "from metal"
    ]
    places.update(dict.fromkeys(neighbours))
    fresh, endless, cell = list(places), find_endless(bonds), set(inside)
    for _ in range(_ROUNDS):
        reached = [
            bond.reach(place)
            for place in fresh
            for bond in of_site[place[0]]
            if bond.kind == "covalent"
            and (
                place[0] not in endless
                or numbers[bond.second] == 1
                or (place in cell and numbers[place[0]] not in _CORNERS)
            )
        ]
        fresh = [place for place in dict.fromkeys(reached) if place not in places]
        places.update(dict.fromkeys(fresh))
    # Acceptors of H beyond the cell would hide the crystal behind loose atoms.
    acceptors = group_bonds(contacts)
    ends = [contact.reach(place) for place in inside for contact in acceptors[place[0]]]
    places.update(dict.fromkeys(ends))
    return list(places)


def _move_to_carriers(
    places: list[Place], bonds: list[SiteBond], inserted: BoolArray
) -> list[Place]:
    """Return what is drawn with inserted sites at all atoms of the host that they are bonded to."""
    of_site = group_bonds(bond for bond in bonds if inserted[bond.second])
    carried = {bond.second for bond in bonds if inserted[bond.second] and not inserted[bond.first]}
    kept = [place for place in places if place[0] not in carried]
    at_carriers = [
        bond.reach(place) for place in kept if not inserted[place[0]] for bond in of_site[place[0]]
    ]
    return list(dict.fromkeys([*kept, *at_carriers]))


def _list_pairs(index: dict[Place, int], bonds: list[SiteBond]) -> IntArray:
    """Return (B, 2) pairs of drawn atoms that are bonded, each once."""
    of_site = group_bonds(bonds)
    found: dict[tuple[int, int], None] = {}
    for place, row in index.items():
        for bond in of_site[place[0]]:
            other = index.get(bond.reach(place))
            if other is not None and (other, row) not in found:
                found[row, other] = None
    return np.array(list(found), dtype=np.int64).reshape(-1, 2)


def _find_polyhedra(
    index: dict[Place, int], bonds: list[SiteBond], numbers: IntArray, positions: FloatArray
) -> Iterator[tuple[int, IntArray]]:
    """Yield the polyhedra of atoms in the middle whose four or more neighbours are all drawn."""
    from scipy.spatial import ConvexHull, QhullError

    centre, corner = np.isin(numbers, _CENTRES), np.isin(numbers, _CORNERS)
    of_site = group_bonds(
        bond
        for bond in bonds
        if bond.kind == "from metal" or (centre[bond.first] and corner[bond.second])
    )
    for place, row in index.items():
        corners = [index.get(bond.reach(place)) for bond in of_site[place[0]]]
        known = [found for found in corners if found is not None]
        if len(known) < 4 or len(known) < len(corners):
            continue
        try:
            hull = ConvexHull(positions[known])
        except QhullError:  # neighbours in a plane
            continue
        yield row, np.array(known, dtype=np.int64)[hull.simplices]
