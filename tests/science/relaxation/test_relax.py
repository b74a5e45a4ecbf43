from __future__ import annotations

import time

import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from hydrides import palladium_hydride

from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.relaxation.optimizers import Bfgs, Fire
from aiida_hpaint.science.relaxation.potentials import Evaluation
from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential
from aiida_hpaint.science.settings import RelaxationSettings
from aiida_hpaint.science.structures import StructureBatch

from .crystals import EMT_CARD, batch_of

SETTINGS = RelaxationSettings(fmax=0.02, max_steps=60, give_up_above=None)


def samples(count=6, hosts=None):
    return batch_of([palladium_hydride(seed) for seed in range(count)], hosts)


class Tampered:
    """A real potential with something wrong for structures in which a site is where it was."""

    def __init__(self, potential, batch, row, fault):
        self.inner, self.fault = potential, fault
        self.mark = batch[row].cart_coords[0]
        self.cell = batch.cells[row]
        self.biggest = 0

    @property
    def card(self):
        return self.inner.card

    def evaluate(self, numbers, positions, cells, counts):
        self.biggest = max(self.biggest, len(numbers))
        result = self.inner.evaluate(numbers, positions, cells, counts)
        starts = np.cumsum(counts) - counts
        for index, start in enumerate(starts):
            if np.allclose(positions[start], self.mark) and np.allclose(cells[index], self.cell):
                self.fault(result, index, slice(start, start + counts[index]))
        return result


def stretched(batch: StructureBatch, row: int) -> StructureBatch:
    """A batch in which one row has a cell of its own, so that it can be told apart."""
    cells = batch.cells.copy()
    cells[row] *= 1.01
    return StructureBatch(**{**vars(batch), "cells": cells})


def test_everything_that_is_asked_for_is_there(emt):
    batch = samples(3)
    result = relax(batch, SETTINGS, emt)
    assert list(result.scalars["status"]) == ["converged"] * 3
    assert (result.scalars["energy"] < result.scalars["energy_sampled"]).all()
    assert (result.scalars["max_force"] < 0.02).all()
    assert (result.scalars["steps"] > 1).all()
    record = result.history[-1]
    assert record["stage"] == "relax_inserted"
    assert record["model"]["sha256"] == EMT_CARD.sha256
    assert record["settings"]["fmax"] == 0.02
    assert record["evaluations"] == result.scalars["steps"].sum()
    assert record["statuses"] == {"converged": 3}
    assert result.labels == batch.labels


def test_host_sites_stay_bit_for_bit(emt):
    batch = samples(3)
    result = relax(batch, SETTINGS, emt)
    fixed = ~batch.inserted
    np.testing.assert_array_equal(result.frac_coords[fixed], batch.frac_coords[fixed])
    np.testing.assert_array_equal(result.cells, batch.cells)
    moved = np.abs(result.frac_coords - batch.frac_coords)[batch.inserted]
    assert (moved.max(axis=1) > 0).all()


def test_all_sites_move_when_asked(emt):
    batch = samples(2)
    result = relax(batch, SETTINGS.model_copy(update={"moving": "all"}), emt)
    assert (np.abs(result.frac_coords - batch.frac_coords).max(axis=1) > 0).all()
    assert result.history[-1]["stage"] == "relax_all"


def test_a_converged_sample_is_left_as_it_is(emt):
    once = relax(samples(2), SETTINGS, emt)
    again = relax(once, SETTINGS.model_copy(update={"fmax": 0.05}), emt)
    np.testing.assert_array_equal(again.frac_coords, once.frac_coords)
    np.testing.assert_array_equal(again.scalars["steps"], once.scalars["steps"] + 1)
    np.testing.assert_array_equal(again.scalars["energy_sampled"], once.scalars["energy_sampled"])


def test_energies_only(emt):
    batch = samples(2)
    result = relax(batch, SETTINGS.model_copy(update={"max_steps": 0}), emt)
    np.testing.assert_array_equal(result.frac_coords, batch.frac_coords)
    np.testing.assert_array_equal(result.scalars["energy"], result.scalars["energy_sampled"])
    assert list(result.scalars["steps"]) == [1, 1]
    assert list(result.scalars["status"]) == ["not converged"] * 2


def test_the_step_limit(emt):
    result = relax(samples(2), SETTINGS.model_copy(update={"max_steps": 3}), emt)
    assert list(result.scalars["steps"]) == [4, 4]
    assert list(result.scalars["status"]) == ["not converged"] * 2
    assert (result.scalars["max_force"] >= 0.02).all()


@pytest.mark.parametrize("optimizer", ["bfgs", "fire"])
def test_who_shares_the_batch_changes_nothing(emt, optimizer):
    settings = SETTINGS.model_copy(update={"optimizer": optimizer, "max_sites_per_batch": 13})
    batch = samples(5)
    together = relax(batch, settings, emt)
    order = np.array([3, 0, 4, 1, 2])
    shuffled = relax(batch[order], settings.model_copy(update={"max_sites_per_batch": 400}), emt)
    for place, row in enumerate(order):
        alone = relax(batch[[row]], settings, emt)
        for other in (together[[row]], shuffled[[place]]):
            np.testing.assert_allclose(alone.frac_coords, other.frac_coords, atol=1e-9)
            np.testing.assert_array_equal(alone.scalars["steps"], other.scalars["steps"])
            np.testing.assert_array_equal(alone.scalars["status"], other.scalars["status"])


def test_rows_that_are_not_alive_pass_through(emt):
    batch = samples(3).with_scalars(
        status=np.array(["sampled", "too close", "duplicate"]), energy=np.array([np.nan, 5.0, 7.0])
    )
    result = relax(batch, SETTINGS, emt)
    assert list(result.scalars["status"]) == ["converged", "too close", "duplicate"]
    assert list(result.scalars["energy"][1:]) == [5.0, 7.0]
    np.testing.assert_array_equal(result[1:].frac_coords, batch[1:].frac_coords)


def test_nothing_to_do(emt):
    batch = samples(2).with_scalars(status=np.array(["too close", "failed"]))
    result = relax(batch, SETTINGS, emt)
    np.testing.assert_array_equal(result.frac_coords, batch.frac_coords)
    assert result.history[-1]["evaluations"] == 0
    assert len(relax(samples(1)[:0], SETTINGS, emt)) == 0


def test_a_site_without_position_is_not_evaluated(emt):
    batch = samples(2)
    frac = batch.frac_coords.copy()
    frac[4] = np.nan
    result = relax(batch.with_coords(frac), SETTINGS, emt)
    assert list(result.scalars["status"]) == ["not a number", "converged"]
    assert "no position" in result.metadata[0]["error"]


def test_a_cell_without_volume_fails_alone(emt):
    batch = samples(2)
    cells = batch.cells.copy()
    cells[1, 2] = cells[1, 0] + cells[1, 1]
    result = relax(StructureBatch(**{**vars(batch), "cells": cells}), SETTINGS, emt)
    assert list(result.scalars["status"]) == ["converged", "failed"]
    assert "no volume" in result.metadata[1]["error"]


def spoil_energy(result, index, sites):
    result.energies[index] = np.nan


def spoil_forces(result, index, sites):
    result.forces[sites] = np.nan


def blow_up(result, index, sites):
    result.forces[sites] = 1e6


def dig_hole(result, index, sites):
    result.energies[index] -= 1e6


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (spoil_energy, "not a number"),
        (spoil_forces, "not a number"),
        (blow_up, "implausible energy"),
        (dig_hole, "implausible energy"),
    ],
)
def test_a_poisoned_sample_spoils_no_other(emt, fault, status):
    batch = stretched(samples(4, hosts=[0, 0, 0, 0]), 1)
    clean = relax(batch, SETTINGS, emt)
    settings = SETTINGS.model_copy(update={"give_up_above": 1.5, "give_up_after": 1})
    result = relax(batch, settings, Tampered(emt, batch, 1, fault))
    assert result.scalars["status"][1] == status
    assert np.isnan(result.scalars["energy"][1])
    assert "steps" in result.metadata[1]["error"]
    for row in (0, 2, 3):
        assert result.scalars["status"][row] == "converged"
        np.testing.assert_allclose(result[row].frac_coords, clean[row].frac_coords, atol=1e-9)


def fall_at_once(result, index, sites):
    result.energies[index] -= 1e6
    result.forces[sites] = 0.0


@pytest.mark.parametrize("give_up_above", [None, 1.5])
def test_a_hole_that_is_reached_at_once_is_not_the_best(emt, give_up_above):
    batch = stretched(samples(4, hosts=[5, 5, 5, 5]), 2)
    settings = SETTINGS.model_copy(update={"give_up_above": give_up_above, "give_up_after": 1})
    result = relax(batch, settings, Tampered(emt, batch, 2, fall_at_once))
    statuses = ["converged", "converged", "implausible energy", "converged"]
    assert list(result.scalars["status"]) == statuses
    assert np.isnan(result.scalars["energy"][2])
    quick = settings.model_copy(update={"fmax": 1e3})
    result = relax(batch, quick, Tampered(emt, batch, 2, fall_at_once))
    assert list(result.scalars["status"]) == statuses


class Attraction(Calculator):
    """Pulls the last two sites to 0.3 Å."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=(), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        between = atoms.positions[-1] - atoms.positions[-2]
        stretch = 1 - 0.3 / np.linalg.norm(between)
        forces = np.zeros((len(atoms), 3))
        forces[-2], forces[-1] = 2 * stretch * between, -2 * stretch * between
        self.results = {"energy": 0.0, "forces": forces}


def test_sites_that_fall_together():
    result = relax(samples(1), SETTINGS, AsePotential(EMT_CARD, Attraction))
    assert list(result.scalars["status"]) == ["collapsed"]
    assert np.isnan(result.scalars["energy"][0])
    assert "sites collapsed after" in result.metadata[0]["error"]


def test_an_exception_for_one_structure(emt):
    def refuse(result, index, sites):
        raise RuntimeError("no neighbours for site 3")

    batch = stretched(samples(4), 2)
    clean = relax(batch, SETTINGS, emt)
    result = relax(batch, SETTINGS, Tampered(emt, batch, 2, refuse))
    assert list(result.scalars["status"]) == ["converged", "converged", "failed", "converged"]
    assert result.metadata[2]["error"].startswith("RuntimeError: no neighbours for site 3")
    np.testing.assert_allclose(result[3].frac_coords, clean[3].frac_coords, atol=1e-9)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried")])
def test_out_of_memory_takes_smaller_batches(emt, error):
    class Small(Tampered):
        def evaluate(self, numbers, *rest):
            if len(numbers) > 13:
                raise error
            return super().evaluate(numbers, *rest)

    batch = samples(6)
    potential = Small(emt, batch, 0, lambda *args: None)
    result = relax(batch, SETTINGS, potential)
    assert list(result.scalars["status"]) == ["converged"] * 6
    assert potential.biggest <= 13


def test_out_of_memory_for_a_single_structure(emt):
    class Tiny(Tampered):
        def evaluate(self, numbers, *rest):
            raise MemoryError

    batch = samples(2)
    result = relax(batch, SETTINGS, Tiny(emt, batch, 0, lambda *args: None))
    assert list(result.scalars["status"]) == ["failed"] * 2


def test_unknown_elements_fail_alone(emt):
    class Choosy(Tampered):
        def evaluate(self, numbers, *rest):
            if 78 in numbers:
                raise ValueError("not trained on Pt")
            return super().evaluate(numbers, *rest)

    batch = samples(2)
    numbers = batch.numbers.copy()
    numbers[0] = 78
    batch = StructureBatch(**{**vars(batch), "numbers": numbers})
    result = relax(batch, SETTINGS, Choosy(emt, batch, 0, lambda *args: None))
    assert list(result.scalars["status"]) == ["failed", "converged"]


def far_above(batch, row):
    """A sample with an H in a tetrahedral hole next to another H."""
    frac = batch.frac_coords.copy()
    sites = batch.sites(row)
    frac[sites.stop - 1] = frac[sites.stop - 2] + [0.21, 0.0, 0.0]
    return batch.with_coords(frac)


def test_hopeless_samples_are_given_up_beside_their_own_host_only(emt):
    batch = far_above(samples(4, hosts=[7, 7, 3, 3]), 1)
    settings = SETTINGS.model_copy(update={"give_up_above": 0.01, "give_up_after": 2})
    result = relax(batch, settings, emt)
    assert result.scalars["status"][1] == "higher in energy"
    assert result.scalars["steps"][1] == 6
    for chosen in ([0, 1], [2, 3]):
        alone = relax(batch[chosen], settings, emt)
        together = result[chosen]
        np.testing.assert_array_equal(alone.scalars["status"], together.scalars["status"])
        np.testing.assert_array_equal(alone.scalars["steps"], together.scalars["steps"])
        np.testing.assert_allclose(alone.frac_coords, together.frac_coords, atol=1e-9)
    reverse = relax(
        batch[[3, 1, 2, 0]], settings.model_copy(update={"max_sites_per_batch": 6}), emt
    )
    np.testing.assert_array_equal(reverse.scalars["status"], result.scalars["status"][[3, 1, 2, 0]])


def test_the_first_evaluation_screens_the_samples_of_each_host(emt):
    batch = far_above(samples(6, hosts=[7, 7, 7, 7, 3, 3]), 1)
    settings = SETTINGS.model_copy(update={"screen": 0.5, "screen_least": 1})
    result = relax(batch, settings, emt)
    left = result.scalars["status"] == "higher in energy"
    assert left.tolist().count(True) == 2 + 1
    assert left[1]
    assert result.scalars["steps"][left].tolist() == [1, 1, 1]
    assert (result.scalars["status"][~left] == "converged").all()
    np.testing.assert_array_equal(
        result.scalars["energy"][left], result.scalars["energy_sampled"][left]
    )
    alone = relax(batch[:4], settings, emt)
    np.testing.assert_array_equal(alone.scalars["status"], result.scalars["status"][:4])
    all_stay = relax(batch, settings.model_copy(update={"screen_least": 4}), emt)
    assert (all_stay.scalars["status"] == "converged").all()


def test_forces_promise_the_depth_of_a_harmonic_well_within_reach():
    forces = np.random.default_rng(0).normal(size=(6, 3))
    forces[5] = [700.0, 0.0, 0.0]  # 10 Å from the minimum
    optimizer = Bfgs(alpha=70.0, reach=0.5)
    release = optimizer.expect_release(optimizer.init(np.array([2, 3, 1])), forces)
    depths = (forces**2).sum(axis=1) / (2 * 70.0)
    np.testing.assert_allclose(release[:2], [depths[:2].sum(), depths[2:5].sum()], rtol=1e-12)
    np.testing.assert_allclose(release[2], 700.0 * 0.5 - 70.0 * 0.5**2 / 2, rtol=1e-12)
    at_rest = Fire().init(np.array([6]))
    np.testing.assert_array_equal(Fire().expect_release(at_rest, forces), [0.0])


def test_samples_in_cells_that_change_are_not_screened():
    with pytest.raises(ValueError, match="set screen to null"):
        RelaxationSettings(moving="all", cell="free", screen=0.5)


def test_the_best_is_never_given_up(emt):
    settings = SETTINGS.model_copy(update={"give_up_above": 1e-6, "give_up_after": 1})
    result = relax(samples(5, hosts=[0] * 5), settings, emt)
    assert (result.scalars["status"] == "converged").sum() >= 1
    alone = relax(samples(1), settings, emt)
    assert list(alone.scalars["status"]) == ["converged"]


class Clock:
    """A potential that lets the time run out after some calls."""

    def __init__(self, potential, calls):
        self.inner, self.calls = potential, calls

    @property
    def card(self):
        return self.inner.card

    def evaluate(self, *args):
        self.calls -= 1
        if self.calls == 0:
            time.sleep(0.35)
        return self.inner.evaluate(*args)


def test_a_deadline_and_going_on_later(emt):
    batch = samples(4, hosts=[0, 0, 1, 1])
    settings = SETTINGS.model_copy(update={"max_sites_per_batch": 12})
    uninterrupted = relax(batch, settings, emt)
    stopped = relax(batch, settings, Clock(emt, 4), deadline=time.monotonic() + 0.3)
    assert set(stopped.scalars["status"]) == {"unfinished"}
    assert np.isfinite(stopped.scalars["energy"][:2]).all()
    assert stopped.history[-1]["statuses"] == {"unfinished": 4}
    finished = relax(stopped, settings, emt)
    assert list(finished.scalars["status"]) == ["converged"] * 4
    np.testing.assert_allclose(
        finished.scalars["energy"], uninterrupted.scalars["energy"], atol=1e-3
    )
    assert all("unfinished" not in entry for entry in finished.metadata)
    np.testing.assert_array_equal(finished.frac_coords[12:], uninterrupted.frac_coords[12:])


def test_going_on_does_not_screen_a_second_time(emt):
    batch = samples(8, hosts=[0] * 8)
    settings = SETTINGS.model_copy(update={"screen": 0.5, "screen_least": 1})
    expected = relax(batch, settings, emt).scalars["status"]
    stopped = relax(batch, settings, Clock(emt, 1), deadline=time.monotonic() + 0.3)
    assert (stopped.scalars["status"] == "unfinished").sum() == 4
    np.testing.assert_array_equal(relax(stopped, settings, emt).scalars["status"], expected)
    before = relax(batch, settings, emt, deadline=time.monotonic() - 1)
    assert (before.scalars["status"] == "unfinished").all()
    np.testing.assert_array_equal(relax(before, settings, emt).scalars["status"], expected)


def test_energies_of_unfinished_samples_are_those_of_their_positions(emt):
    batch = samples(2)
    stopped = relax(batch, SETTINGS, Clock(emt, 3), deadline=time.monotonic() + 0.3)
    energies = relax(
        stopped.with_scalars(status=np.array(["sampled"] * 2)),
        SETTINGS.model_copy(update={"max_steps": 0, "moving": "all"}),
        emt,
    ).scalars["energy"]
    np.testing.assert_array_equal(stopped.scalars["energy"], energies)


def test_going_on_takes_up_the_unfinished_with_the_steps_they_had_left(emt):
    batch = samples(2).with_scalars(status=np.array(["converged", "unfinished"]))
    batch = StructureBatch(
        **{
            **vars(batch),
            "metadata": ({}, {"unfinished": {"stage": "relax_inserted", "steps": 58}}),
        }
    )
    result = relax(batch, SETTINGS, emt)
    assert list(result.scalars["steps"]) == [0, 3]
    assert list(result.scalars["status"]) == ["converged", "not converged"]
    everything = relax(batch, SETTINGS.model_copy(update={"moving": "all"}), emt)
    assert (everything.scalars["steps"] > 3).all()


def test_a_deadline_that_has_passed(emt):
    batch = samples(2)
    result = relax(batch, SETTINGS, emt, deadline=time.monotonic() - 1)
    assert list(result.scalars["status"]) == ["unfinished"] * 2
    assert np.isnan(result.scalars["energy"]).all()
    np.testing.assert_array_equal(result.frac_coords, batch.frac_coords)


def test_progress_counts_up_to_everything(emt):
    seen = []
    relax(samples(3), SETTINGS, emt, progress=lambda *args: seen.append(args))
    done = [entry[0] for entry in seen]
    assert done == sorted(done)
    assert seen[-1][:2] == (3, 3)


def test_a_structure_without_inserted_sites(emt):
    batch = samples(1)
    batch = StructureBatch(**{**vars(batch), "inserted": np.zeros(6, dtype=bool)})
    result = relax(batch, SETTINGS, emt)
    assert list(result.scalars["status"]) == ["converged"]
    assert list(result.scalars["max_force"]) == [0.0]


def test_evaluations_are_double_precision(emt):
    result = emt.evaluate(np.array([46]), np.zeros((1, 3)), 3 * np.eye(3)[None], np.array([1]))
    assert isinstance(result, Evaluation)
    assert result.energies.dtype == result.forces.dtype == np.float64
