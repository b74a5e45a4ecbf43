"""Cells that relax: the steps are those of ASE, and nothing else in a batch notices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS, FIRE
from ase.units import GPa
from hydrides import palladium_hydride
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.preflight import check_tools
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation import PotentialError, relax
from aiida_hpaint.science.relaxation.cells import CellVariables
from aiida_hpaint.science.relaxation.potentials import wrap_calculator
from aiida_hpaint.science.settings import RelaxationSettings

from .crystals import EMT_CARD, batch_of

if TYPE_CHECKING:
    from ase import Atoms

    from aiida_hpaint.science.relaxation.potentials import Potential
    from aiida_hpaint.science.structures import StructureBatch

SHEAR = np.array([[1.03, 0.05, 0.0], [0.0, 0.98, 0.04], [0.01, 0.0, 1.02]])
FILTERS: dict[str, dict[str, bool]] = {
    "free": {},
    "volume": {"hydrostatic_strain": True},
    "shape": {"constant_volume": True},
}


def make_crystals() -> list[Atoms]:
    """Return crystals of several sizes, one of them without any symmetry."""
    found = [palladium_hydride(seed, hydrogens) for seed, hydrogens in enumerate((1, 2, 4))]
    found[1].set_cell(found[1].cell[:] @ SHEAR, scale_atoms=True)
    return found


def choose(cell: Any, **values: Any) -> RelaxationSettings:
    given = {"fmax": 1e-9, "smax": 1e-9, "max_steps": 4, "give_up_above": None, **values}
    given = {"curvature": "unit", **given}  # as ASE
    return RelaxationSettings.model_validate({"moving": "all", "cell": cell, **given})


@pytest.mark.numerics
@pytest.mark.parametrize(("optimizer", "oracle"), [("bfgs", BFGS), ("fire", FIRE)])
@pytest.mark.parametrize("cell", FILTERS)
def test_steps_are_those_of_ase(emt: Potential, cell: str, optimizer: str, oracle: Any) -> None:
    crystals = make_crystals()
    relaxed = relax(batch_of(crystals), choose(cell, optimizer=optimizer), emt)
    for index, atoms in enumerate(crystals):
        atoms.calc = EMT()
        oracle(FrechetCellFilter(atoms, **FILTERS[cell]), logfile=None).run(fmax=1e-9, steps=4)
        np.testing.assert_allclose(relaxed.cells[index], atoms.cell[:], atol=1e-9)
        np.testing.assert_allclose(relaxed[index].cart_coords, atoms.positions, atol=1e-9)
        assert relaxed.scalars["energy"][index] == pytest.approx(atoms.get_potential_energy())


@pytest.mark.parametrize("cell", FILTERS)
def test_what_may_not_change_does_not(emt: Potential, cell: str) -> None:
    start = batch_of(make_crystals())
    relaxed = relax(start, choose(cell), emt)
    strain = np.linalg.solve(start.cells, relaxed.cells)
    volumes = np.linalg.det(strain)
    assert np.abs(strain - np.eye(3)).max() > 0.01
    if cell == "shape":
        np.testing.assert_allclose(volumes, 1.0, atol=1e-9)
    if cell == "volume":
        isotropic = np.cbrt(volumes)[:, None, None] * np.eye(3)
        np.testing.assert_allclose(strain, isotropic, atol=1e-9)


def test_a_relaxed_cell_has_no_stress_left(emt: Potential) -> None:
    start = batch_of([palladium_hydride(1, 1)])
    relaxed = relax(start, choose("free", fmax=0.05, smax=0.1, max_steps=200), emt)
    assert list(relaxed.scalars["status"]) == ["converged"]
    left = np.abs(make_atoms(relaxed).get_stress()).max() / GPa
    assert left < 0.1
    assert relaxed.scalars["max_stress"][0] == pytest.approx(left)
    assert relaxed.history[-1]["settings"]["cell"] == "free"


def make_atoms(one: StructureBatch) -> Atoms:
    from ase import Atoms

    return Atoms(one.numbers, one.cart_coords, cell=one.cells[0], pbc=True, calculator=EMT())


def test_fixed_cells_have_no_stress_and_stay_bit_for_bit(emt: Potential) -> None:
    start = batch_of(make_crystals())
    relaxed = relax(start, choose("fixed"), emt)
    np.testing.assert_array_equal(relaxed.cells, start.cells)
    assert "max_stress" not in relaxed.scalars


def test_who_shares_the_batch_changes_nothing(emt: Potential) -> None:
    start = batch_of(make_crystals())
    together = relax(start, choose("free"), emt)
    for row in range(len(start)):
        alone = relax(start[[row]], choose("free", max_sites_per_batch=3), emt)
        np.testing.assert_allclose(alone.cells[0], together.cells[row], atol=1e-9)
        np.testing.assert_allclose(alone.frac_coords, together[row].frac_coords, atol=1e-9)


def test_a_deadline_keeps_the_cell_and_a_later_call_goes_on_from_it(emt: Potential) -> None:
    start = batch_of([palladium_hydride(1, 1)])
    settings = choose("free", fmax=0.05, smax=0.1, max_steps=200)

    class Clock:
        """A potential whose third call takes until after the deadline."""

        card, has_stress, calls = EMT_CARD, True, 0

        def evaluate(self, *arguments: Any, **asked: Any) -> Any:
            Clock.calls += 1
            if Clock.calls == 3:
                time.sleep(max(0.0, deadline - time.monotonic()) + 0.01)
            return emt.evaluate(*arguments, **asked)

    deadline = time.monotonic() + 2.0
    stopped = relax(start, settings, Clock(), deadline=deadline)
    assert list(stopped.scalars["status"]) == ["unfinished"]
    assert np.linalg.det(stopped.cells[0]) > 1.01 * np.linalg.det(start.cells[0])
    # Energy and stress are those of the very cell that is kept.
    energy = make_atoms(stopped[0]).get_potential_energy()
    assert stopped.scalars["energy"][0] == pytest.approx(energy)
    resumed = relax(stopped, settings, emt)
    assert list(resumed.scalars["status"]) == ["converged"]
    assert np.abs(make_atoms(resumed[0]).get_stress()).max() / GPa < 0.1
    assert resumed.scalars["energy"][0] < stopped.scalars["energy"][0]


def test_a_cell_that_bursts_fails_alone(emt: Potential) -> None:
    class Bursting:
        """Effective medium theory with a pressure of 3 TPa in cells of more than five sites."""

        card, has_stress = EMT_CARD, True

        def evaluate(self, *arguments: Any, **asked: Any) -> Any:
            found = emt.evaluate(*arguments, **asked)
            found.stresses[arguments[3] > 5] -= 20 * np.eye(3)
            return found

    start = batch_of([palladium_hydride(0, 1), palladium_hydride(1, 2)])
    settings = choose("free", fmax=0.1, smax=1.0, max_steps=100)
    relaxed = relax(start, settings, Bursting())
    assert list(relaxed.scalars["status"]) == ["converged", "failed"]
    assert "twice or half as long" in relaxed.metadata[1]["error"]
    assert np.isnan(relaxed.scalars["energy"][1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_stress_that_is_no_number_is_noticed(emt: Potential, value: float) -> None:
    class Broken:
        card, has_stress = EMT_CARD, True

        def evaluate(self, *arguments: Any, **asked: Any) -> Any:
            found = emt.evaluate(*arguments, **asked)
            found.stresses[arguments[3] == 5] = value
            return found

    relaxed = relax(batch_of(make_crystals()[:2]), choose("free"), Broken())
    assert list(relaxed.scalars["status"]) == ["not a number", "not converged"]


class Silent:
    """A potential of the kind that knows nothing of stresses."""

    card = EMT_CARD

    def __init__(self, potential: Potential) -> None:
        self.potential = potential

    def evaluate(self, numbers: Any, positions: Any, cells: Any, counts: Any) -> Any:
        return self.potential.evaluate(numbers, positions, cells, counts)


def test_potentials_without_stress_relax_fixed_cells_only(emt: Potential) -> None:
    start = batch_of(make_crystals())
    relax(start, choose("fixed", max_steps=1), Silent(emt))
    with pytest.raises(PotentialError, match=r"computes no stress.*set relax_all.cell to fixed"):
        relax(start, choose("free"), Silent(emt))

    class NoStress(EMT):
        implemented_properties = ("energy", "forces")

    with pytest.raises(PotentialError, match="computes no stress"):
        relax(start, choose("free"), wrap_calculator(NoStress()))


def test_a_missing_stress_is_said_before_any_work(
    emt: Potential, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_hpaint.science.relaxation import potentials

    monkeypatch.setattr(potentials, "get_potential", lambda _: Silent(emt))
    without = {"sampling": None, "relax_inserted": None}
    check_tools(None, load_protocol("fast", without))
    with pytest.raises(PotentialError, match="computes no stress"):
        check_tools(None, load_protocol("fast", {**without, "relax_all": {"cell": "free"}}))


def test_cells_relax_where_all_sites_move_only() -> None:
    assert load_protocol("fast", {"relax_all": {"cell": "free"}}).relax_all.cell == "free"
    with pytest.raises(ValueError, match="needs all sites to move"):
        RelaxationSettings(cell="volume")
    with pytest.raises(ValueError, match=r"setting relax_inserted: cell 'free' needs all sites"):
        load_protocol("fast", {"relax_inserted": {"cell": "free"}})
    with pytest.raises(ValueError, match=r"score.cell is 'free'.*set relax_all.cell instead"):
        load_protocol("fast", {"score": {"cell": "free", "moving": "all", "screen": None}})
    with pytest.raises(ValueError, match="'fixed', 'shape', 'volume' or 'free'"):
        load_protocol("fast", {"relax_all": {"cell": "isotropic"}})


@given(st.integers(0, 10_000))
def test_forces_on_cells_are_derivatives_of_the_energy(seed: int) -> None:
    """For an energy of a known form, along any direction, however far the cell is strained."""
    rng = np.random.default_rng(seed)
    start, stiffness = np.eye(3) * 4 + rng.normal(0, 0.3, (3, 3)), rng.normal(size=(3, 3))
    variables = CellVariables("free", start[None], np.array([5]))
    variables.logarithms[:] = rng.normal(0, 0.3, (1, 3, 3))

    def compute_energy(logarithms: Any) -> tuple[float, Any]:
        """Return an energy that depends on the metric alone, and the stress."""
        variables.logarithms[:] = logarithms
        (cell,) = variables.compute_cells(np.array([0]))
        metric = cell @ cell.T
        weights = stiffness + stiffness.T
        stress = 2 * cell.T @ weights @ cell / abs(np.linalg.det(cell))
        return float((weights * metric).sum()), stress

    here, step = variables.logarithms.copy(), rng.normal(size=(3, 3))
    _, stress = compute_energy(here)
    none = np.zeros((0, 3))
    forces = variables.add_rows(np.array([0]), np.array([0]), none, stress[None])
    h = 1e-5
    higher, lower = (compute_energy(here + sign * h * step)[0] for sign in (1, -1))
    # The variable is the logarithm times the five sites.
    size = 5 * np.linalg.norm(forces) * np.linalg.norm(step) + abs(higher)
    slope = (higher - lower) / (2 * h)
    assert -(forces * 5 * step).sum() == pytest.approx(slope, abs=1e-6 * size)
