from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from aiida_hpaint.science.plausibility.answers import Finding, make_answer
from aiida_hpaint.science.plausibility.check_answers import (
    check_answer,
    check_answers,
    get_findings,
    name_findings,
    note_lower_failures,
)
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures import from_ase, read_hosts
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import write_parents

REFERENCES = Path(__file__).parents[3] / "examples" / "references"
DONE = {"status": ["converged"], "max_force": [0.01], "host": [0]}


def mark(crystal: StructureBatch) -> StructureBatch:
    """Return a crystal whose H are the inserted sites."""
    return replace(crystal, inserted=crystal.numbers == 1).with_scalars(**DONE)


def read_reference(name: str) -> StructureBatch:
    return mark(read_hosts(REFERENCES / f"{name}.cif"))


def find(candidate: StructureBatch, host: StructureBatch | None = None) -> list[Finding]:
    """Check a candidate; the host is what it was made from, by default the candidate itself."""
    return check_answer(make_answer(candidate if host is None else host, candidate))


def find_serious(candidate: StructureBatch) -> list[Finding]:
    """Leave out that H lowers the symmetry, as it does in many crystals."""
    return [one for one in find(candidate) if one.name != "lower symmetry"]


def failures(candidate: StructureBatch, host: StructureBatch | None = None) -> set[str]:
    return {one.name for one in find(candidate, host) if one.fails}


def notices(candidate: StructureBatch, host: StructureBatch | None = None) -> set[str]:
    return {one.name for one in find(candidate, host) if not one.fails}


def build(symbols: str, positions: Any, size: float = 15.0) -> StructureBatch:
    """Return atoms (Å) in a cubic box, the H of which are inserted."""
    return mark(from_ase([Atoms(symbols, positions=positions, cell=[size] * 3, pbc=True)]))


def shift(crystal: StructureBatch, site: int, by: Any) -> StructureBatch:
    """Return a crystal with one site displaced by a Cartesian vector, Å."""
    coords = crystal.frac_coords.copy()
    coords[site] += np.asarray(by) @ np.linalg.inv(crystal.cells[0])
    return crystal.with_coords(coords)


def with_hydrogen(crystal: StructureBatch, positions: Any) -> StructureBatch:
    """Return a crystal with more inserted H at Cartesian positions, Å."""
    frac = np.asarray(positions) @ np.linalg.inv(crystal.cells[0])
    return replace(
        crystal,
        site_counts=crystal.site_counts + len(frac),
        numbers=np.append(crystal.numbers, [1] * len(frac)),
        frac_coords=np.concatenate([crystal.frac_coords, frac]),
        inserted=np.append(crystal.inserted, [True] * len(frac)),
    )


@pytest.mark.parametrize("path", sorted(REFERENCES.glob("*.cif")), ids=lambda path: path.stem)
def test_published_crystals_pass(path: Path) -> None:
    assert find_serious(mark(read_hosts(path))) == []


def test_lithium_hydride_and_borohydrides_pass() -> None:
    hydride = Atoms(
        "Li4H4",
        scaled_positions=[
            *([0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]),
            *([0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0.5]),
        ],
        cell=[4.08] * 3,
        pbc=True,
    )
    assert find_serious(mark(from_ase([hydride]))) == []
    corners = 1.22 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    sodium = [[3.07, 0, 0], [0, 3.07, 0], [0, 0, 3.07], [3.07, 3.07, 3.07]]
    boron = [[0, 0, 0], [3.07, 3.07, 0], [3.07, 0, 3.07], [0, 3.07, 3.07]]
    hydrogen = [place + corner for place in np.array(boron) for corner in corners]
    assert find_serious(build("Na4B4H16", [*sodium, *boron, *hydrogen], 6.14)) == []


def test_oxyhydride_passes_where_its_charge_says_hydride() -> None:
    # H at 2.4 Å from La in LaHO is H-; the same surroundings in a hydroxide are not for a proton.
    around = 2.35 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    oxygen = [[3.5, 3.5, 3.5], [-3.5, -3.5, 3.5], [3.5, -3.5, -3.5], [-3.5, 3.5, -3.5]]
    places = np.array([*around, *oxygen, *([0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 4])]) + 7
    assert "H bonded to metals alone" not in failures(build("La4O4H4", places))
    assert "H bonded to metals alone" in failures(build("K4O4H4", places))


def test_molecules_of_hydrogen_are_stray_beside_anions() -> None:
    brucite = read_reference("brucite")
    middle = brucite.cells[0].sum(0) * [0.5, 0, 0.5]
    crowded = with_hydrogen(brucite, [middle, middle + np.array([0, 0, 0.74])])
    assert "stray H2" in failures(crowded, brucite)
    [stray] = [one for one in find(crowded, brucite) if one.name == "stray H2"]
    assert stray.detail == "1 in the cell, H-H 0.74 Å"


def test_molecules_of_hydrogen_are_ligands_of_tungsten() -> None:
    complexed = [[0, 0, 0], [0, 1.8, 0.4], [0, 1.8, -0.4]]
    assert "stray H2" not in failures(build("WH2", complexed))
    assert "H2 as a ligand" in notices(build("WH2", complexed))
    assert "stray H2" in failures(build("MgH2", complexed))


def test_hydrogen_far_from_everything_fails() -> None:
    alone = build("OH", [[2, 2, 2], [8, 8, 8]])
    assert "H bonded to nothing" in failures(alone)


def test_hydrogen_at_the_centre_of_an_oxoanion_fails() -> None:
    corners = 1.48 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    ion = build("SO4H", [[0, 0, 0], *corners, [0, 0, 1.4]])
    assert "H at the centre of an oxoanion" in failures(ion)
    three = build("PO3H", [[0, 0, 0], *corners[:3], -1.4 / np.sqrt(3) * np.array([1, 1, -1])])
    assert "H at the centre of an oxoanion" not in failures(three)


def water() -> StructureBatch:
    """Return two molecules of water with sites in the order O O H H H H."""
    near, far = (molecule("H2O").positions + np.array([x, 5, 5]) for x in (5, 8))
    return build("O2H4", [near[0], far[0], *near[1:], *far[1:]])


def test_the_budget_is_compared_with_the_carriers() -> None:
    given = write_parents(water(), [[0, 0, 1, 1]])
    assert failures(given) == set()
    # The same H in another order meet the budget as well.
    assert failures(write_parents(water(), [[1, 0, 1, 0]])) == set()
    [found] = [one for one in find(write_parents(water(), [[0, 0, 0, 1]])) if one.fails]
    assert str(found) == "budget not met: H is missing at O1, and in excess at O2"


def test_a_proton_that_left_its_water_is_a_transfer() -> None:
    start = write_parents(water(), [[0, 0, 1, 1]])
    moved = shift(start, 2, start.cart_coords[1] + [0, 0, 0.98] - start.cart_coords[2])
    labelled = {**start.metadata[0], "site_labels": ["Wat1", "Wat2"]}
    host = replace(start, metadata=(labelled,))
    [found] = [one for one in find(moved, host) if one.name == "budget not met"]
    assert found.detail == "H is missing at Wat1, and in excess at Wat2"
    # Without a budget nobody knows where H belong, but a base beside an acid is worth a word.
    unknown = replace(moved, metadata=({},))
    assert "budget not met" not in failures(unknown)
    assert "proton transfer" in notices(unknown)


def test_hydrogen_of_the_host_may_not_leave_its_carrier() -> None:
    half = replace(water(), inserted=np.array([False, False, False, False, True, True]))
    moved = shift(half, 2, half.cart_coords[1] + [0, 0, 0.98] - half.cart_coords[2])
    assert failures(half) == set()
    assert "proton transfer" in failures(moved, half)


def test_hydrogen_of_the_host_may_move_among_metals_but_not_from_them_to_an_anion() -> None:
    start = build("Ni2H2O", [[0, 0, 0], [8, 0, 0], [0, 0, 1.6], [8, 0, -1.6], [4, 4, 0]])
    half = replace(start, inserted=np.array([False, False, False, True, False]))
    moved = shift(half, 2, [8, 0, 0])
    assert "proton transfer" not in failures(moved, half)
    assert "H moved among metals" in notices(moved, half)
    assert "H moved among metals" not in notices(half)
    away = shift(half, 2, [4, 4, -0.6])
    assert "proton transfer" in failures(away, half)


def test_symmetric_hydrogen_bonds_count_at_either_end() -> None:
    shared = build("O2H", [[5, 5, 5], [7.4, 5, 5], [6.2, 5, 5]])
    for parent in (0, 1):
        assert "budget not met" not in failures(write_parents(shared, [[parent]]))


def test_broken_and_new_bonds_of_the_host() -> None:
    carbonate = [[0, 0, 0], [1.29, 0, 0], [-0.645, 1.117, 0], [-0.645, -1.117, 0]]
    far = [*carbonate, [0, 0, 5]]
    host = build("CO3HO", [*far[:4], [2.2, 0, 0.2], far[4]])
    broken = shift(host, 1, [1.0, 0, 0])
    assert "host bonds broken" in failures(broken, host)
    [found] = [one for one in find(broken, host) if one.name == "host bonds broken"]
    assert found.detail == "C1-O2"
    peroxide = shift(host, 5, [1.29, 0, -3.6])
    assert "new host bonds" in failures(peroxide, host)
    assert "host bonds broken" not in failures(host, host)


@pytest.mark.parametrize(("distance", "notice", "fails"), [(0.1, 0, 0), (0.6, 1, 0), (2.0, 0, 1)])
def test_displacements_of_the_host_have_a_notice_and_a_limit(
    distance: float, notice: int, fails: int
) -> None:
    host = read_reference("portlandite")
    everywhere = host.with_coords(host.frac_coords + 0.3)  # drift is no displacement
    moved = shift(everywhere, int(np.flatnonzero(host.numbers == 20)[0]), [0, 0, distance])
    assert ("host atoms moved" in notices(moved, host)) == bool(notice)
    assert ("host atoms moved" in failures(moved, host)) == bool(fails)


def test_lower_symmetry_is_a_notice() -> None:
    host = read_reference("brucite")
    moved = shift(host, int(np.flatnonzero(host.inserted)[0]), [0, 0, 0.3])
    [found] = [one for one in find(moved, host) if one.name == "lower symmetry"]
    assert found.detail == "P 3 m 1 (No. 156): 6 of 12 operations of the host are kept"
    assert not found.fails


@pytest.mark.parametrize(("force", "fails"), [(0.2, False), (1.8, True), (np.nan, True)])
def test_unconverged_candidates_are_named(force: float, fails: bool) -> None:
    brucite = read_reference("brucite").with_scalars(status=["not converged"], max_force=[force])
    [found] = [one for one in find(brucite) if one.name == "not converged"]
    assert found.fails == fails


def test_empty_and_crowded_cells_are_a_notice() -> None:
    assert "mostly empty cell" in notices(build("MgH2", [[0, 0, 0], [0, 0, 1.7], [0, 0, -1.7]], 20))
    crowded = Atoms("NiH", scaled_positions=[[0, 0, 0], [0.5] * 3], cell=[1.9] * 3, pbc=True)
    assert "crowded cell" in notices(mark(from_ase([crowded])))


def test_host_atoms_bonded_to_nothing() -> None:
    host = build("MgOH", [[0, 0, 0], [2.0, 0, 0], [2.97, 0, 0]])
    apart = shift(host, 0, [-6, 0, 0])
    assert "host atoms bonded to nothing" in failures(apart, host)
    assert "host atoms bonded to nothing" in notices(apart)


def test_all_candidates_are_marked() -> None:
    brucite = read_reference("brucite")
    poor = with_hydrogen_moved(brucite, lambda cart: cart + np.array([0, 0, 0.7]))
    samples = concatenate([brucite, poor, poor]).with_scalars(
        rank=[1, 0, -1], energy_above_best=[0.01, 0.0, np.nan]
    )
    chosen = samples.scalars["rank"] >= 0
    checked = check_answers(samples, brucite, chosen, CheckSettings())
    assert checked.scalars["passes"].tolist() == [True, False, False]
    assert checked.scalars["host_displacement"][:2].tolist() == [0, 0]
    assert np.isnan(checked.scalars["host_displacement"][2])
    assert checked.metadata[0]["checks"] == {"failed": [], "notices": []}
    assert get_findings(checked[1])
    assert "checks" not in checked.metadata[2]
    assert checked.history[-1]["stage"] == "check"
    assert (checked.history[-1]["checked"], checked.history[-1]["passed"]) == (2, 1)


def with_hydrogen_moved(
    crystal: StructureBatch, move: Callable[[np.ndarray], np.ndarray]
) -> StructureBatch:
    coords = crystal.frac_coords.copy()
    moved = crystal.inserted
    coords[moved] = move(crystal.cart_coords[moved]) @ np.linalg.inv(crystal.cells[0])
    return crystal.with_coords(coords)


def test_the_answer_says_that_a_failing_candidate_is_lower() -> None:
    brucite = read_reference("brucite")
    checks = [{"failed": [], "notices": []}, {"failed": ["stray H2: 1"], "notices": []}]
    samples = concatenate([brucite, brucite]).with_scalars(
        rank=[0, 1], energy_above_best=[0.0, -0.012], passes=[True, False]
    )
    noted = note_lower_failures(replace(samples, metadata=tuple({"checks": c} for c in checks)))
    [notice] = get_findings(noted[0], "notices")
    assert notice == "a candidate that fails is lower: by 12 meV/atom (stray H2: 1)"
    assert name_findings([notice, "symmetry lost: x", "symmetry lost: y"]) == (
        "a candidate that fails is lower, symmetry lost"
    )
    assert noted.metadata[1]["checks"] == checks[1]
