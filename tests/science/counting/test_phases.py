from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from aiida_hpaint.science.counting.phases import (
    Phase,
    check_elemental_phases,
    collect_phases,
    list_lost_phases,
    make_phase_batch,
    relax_cell,
    relax_packaged_phases,
    relax_phases,
)
from aiida_hpaint.science.counting.prototypes import generate_prototypes, is_molecule
from aiida_hpaint.science.counting.stability import compute_stabilities, find_reference_energy
from aiida_hpaint.science.counting.stress import StressCalculator
from aiida_hpaint.science.files import CACHE_VARIABLE
from aiida_hpaint.science.structures import StructureBatch, from_ase

from .conftest import strained


class WithoutStress:
    """A potential of the kind that returns energies and forces alone."""

    def __init__(self, potential: Any) -> None:
        self.potential, self.card = potential, potential.card

    def evaluate(self, numbers: Any, positions: Any, cells: Any, counts: Any) -> Any:
        return self.potential.evaluate(numbers, positions, cells, counts)


@pytest.mark.parametrize(("has_stress", "tolerance"), [(True, 1e-9), (False, 2e-4)])
def test_stresses_agree_with_those_of_ase(
    copper: Atoms, emt: Any, has_stress: bool, tolerance: float
) -> None:
    atoms = strained(copper * (2, 1, 1))
    ours, theirs = atoms.copy(), atoms.copy()
    ours.calc = StressCalculator(emt if has_stress else WithoutStress(emt))
    theirs.calc = EMT()
    np.testing.assert_allclose(ours.get_stress(), theirs.get_stress(), atol=tolerance)
    np.testing.assert_allclose(ours.get_forces(), theirs.get_forces(), atol=1e-9)
    assert ours.get_potential_energy() == pytest.approx(theirs.get_potential_energy())


def test_a_cell_relaxes_as_with_ase(copper: Atoms, emt: Any) -> None:
    relaxed = relax_cell(copper, emt)
    reference = copper.copy()
    reference.calc = EMT()
    BFGS(FrechetCellFilter(reference), logfile=None).run(fmax=0.001)
    assert relaxed is not None
    assert relaxed.info["energy"] == pytest.approx(reference.get_potential_energy(), abs=1e-3)
    assert relaxed.get_volume() == pytest.approx(reference.get_volume(), rel=0.02)
    assert copper.cell.cellpar()[0] == pytest.approx(3.7 / np.sqrt(2))


def test_relaxed_phases_are_kept(
    copper: Atoms, emt: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(
        "aiida_hpaint.science.counting.phases.generate_prototypes", lambda _: [copper]
    )
    first = relax_packaged_phases(["Cu"], emt)
    assert [phase.name for phase in first] == ["Cu fcc"]
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr("aiida_hpaint.science.counting.phases.relax_cell", None)
    assert relax_packaged_phases(["Cu"], emt) == first


def test_given_phases_and_packaged_ones_side_by_side(copper: Atoms, emt: Any) -> None:
    foreign = Atoms("Au", cell=4.0 * np.eye(3), pbc=True)
    batch = make_phase_batch(["Cu"], [from_ase([copper, foreign])])
    assert batch is not None
    assert batch.scalars["packaged"].tolist() == [False, True, True, True]
    found = collect_phases(relax_phases(batch[:2], emt))
    assert [phase.source for phase in found] == ["given", "packaged"]
    assert found[0].energy == pytest.approx(found[1].energy, abs=1e-3)
    assert make_phase_batch(["Cu"], [], packaged=False) is None


def test_prototypes_have_sensible_bonds_and_the_right_formula() -> None:
    elements = ["Al", "C", "Ca", "Fe", "H", "Li", "O", "P"]
    seen = list(generate_prototypes(elements))
    names = [atoms.info["name"] for atoms in seen]
    assert len(set(names)) == len(names)
    assert {"CaO rocksalt", "Al2O3 corundum", "H2 molecule", "H2O molecule"} <= set(names)
    assert {"Ca(OH)2 brucite", "LiOH layers", "Fe bcc"} <= set(names)
    for atoms in seen:
        distances = atoms.get_all_distances(mic=True)
        np.fill_diagonal(distances, 9)
        assert distances.min() > 0.6 or len(atoms) == 1, atoms.info["name"]
        assert is_molecule(atoms) or len(atoms) <= 14


HULL = [
    Phase("Mg", {"Mg": 1}, -1.5),
    Phase("O2", {"O": 2}, -10.0),
    Phase("H2", {"H": 2}, -6.6),
    Phase("MgO", {"Mg": 1, "O": 1}, -12.0),
    Phase("H2O", {"H": 2, "O": 1}, -14.0),
]


def test_the_hull_is_that_of_its_phases() -> None:
    made_of = {0: {"Mg": 1, "O": 1}, 2: {"Mg": 1, "O": 2, "H": 2}}
    found = compute_stabilities(made_of, {0: -11.0, 2: -27.0}, HULL)
    assert found[0].above_hull == pytest.approx(0.5)
    assert found[0].formation_energy == pytest.approx((-11.0 + 1.5 + 5.0) / 2)
    assert found[2].above_hull == pytest.approx(-1.0 / 5)
    assert found[2].decomposition == pytest.approx({"MgO": 0.4, "H2O": 0.6})


def test_an_element_without_a_phase_is_named() -> None:
    assert find_reference_energy("H", HULL) == pytest.approx(-3.3)
    with pytest.raises(ValueError, match="no phase is Ca alone"):
        find_reference_energy("Ca", HULL)
    with pytest.raises(ValueError, match="no phase is Ca, K alone: give one"):
        check_elemental_phases(["Ca", "H", "K"], [phase.composition for phase in HULL])


def test_phases_survive_their_batch(rock_salt: StructureBatch) -> None:
    batch = rock_salt.with_scalars(energy=[-12.0], packaged=[True], status=["converged"])
    assert collect_phases(batch) == [Phase(batch.labels[0], {"Mg": 1, "O": 1}, -12.0)]
    lost = batch.with_scalars(energy=[np.nan])
    assert collect_phases(lost) == []
    assert list_lost_phases(lost) == []  # a prototype
    assert list_lost_phases(lost.with_scalars(packaged=[False])) == list(batch.labels)
    assert list_lost_phases(batch.with_scalars(packaged=[False])) == []
