"""Hosts that a potential rebuilds are given back as measured, with inserted sites alone relaxed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from aiida_hpaint.science.confidence.model import HELD as MOST
from aiida_hpaint.science.plausibility.check_answers import get_findings
from aiida_hpaint.science.plausibility.held_hosts import hold_hosts
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation.potentials import wrap_calculator
from aiida_hpaint.science.report import group_rows_by_host, write_reports
from aiida_hpaint.science.restoration import Restoration, restore
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures import read_hosts, remove_inserted
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.fixed_host import HELD, record_fixed_host
from aiida_hpaint.science.structures.writing import write_cif

REFERENCES = Path(__file__).parents[3] / "examples" / "references"
LIMITS = CheckSettings()


def make_candidate(sample: int, energy: float) -> StructureBatch:
    """Return brucite with its H inserted, as a candidate while the host is fixed (eV)."""
    crystal = read_hosts(REFERENCES / "brucite.cif")
    return replace(crystal, inserted=crystal.numbers == 1).with_scalars(
        status=["converged"], energy=[energy], max_force=[0.02], host=[0], sample=[sample]
    )


def shift(one: StructureBatch, site: int, by: Any) -> StructureBatch:
    coords = one.frac_coords.copy()
    coords[site] += np.asarray(by) @ np.linalg.inv(one.cells[0])
    return one.with_coords(coords)


def relax_host(one: StructureBatch, energy: float, moved: float) -> StructureBatch:
    """Return a candidate after all sites have relaxed: O has moved by some Å."""
    site = int(np.flatnonzero(one.numbers == 8)[0])
    recorded = record_fixed_host(one)
    return shift(recorded, site, [moved, 0, 0]).with_scalars(energy=[energy], max_force=[0.01])


def test_all_candidates_are_put_back_where_the_lowest_rebuilds_the_host() -> None:
    fixed = [make_candidate(0, -10.0), shift(make_candidate(1, -9.0), 3, [0.3, 0, 0])]
    host = remove_inserted(fixed[0])
    rebuilt, kept = relax_host(fixed[0], -15.0, 1.5), relax_host(fixed[1], -9.5, 0.05)
    held = hold_hosts(concatenate([rebuilt, kept]), host, LIMITS)
    assert held.scalars["energy"].tolist() == [-10.0, -9.0]
    assert held.scalars["max_force"].tolist() == [0.02, 0.02]
    for one, before in zip(held, fixed, strict=True):
        np.testing.assert_array_equal(one.frac_coords, before.frac_coords)
        assert any("host atoms moved" in reason for reason in one.metadata[0][HELD]["reasons"])
    assert [entry[HELD]["energy"] for entry in held.metadata] == [-15.0, -9.5]


@pytest.mark.parametrize(("lowest", "moved"), [(-8.0, 1.5), (-15.0, 0.2)])
def test_hosts_stay_relaxed_where_the_lowest_candidate_keeps_them(
    lowest: float, moved: float
) -> None:
    fixed = [make_candidate(0, -7.0), make_candidate(1, -9.0)]
    relaxed = [relax_host(fixed[0], lowest, moved), relax_host(fixed[1], -9.5, 0.05)]
    samples = concatenate(relaxed)
    assert hold_hosts(samples, remove_inserted(fixed[0]), LIMITS) is samples


def test_a_candidate_that_fails_for_its_hydrogen_says_nothing_of_the_host() -> None:
    fixed = [make_candidate(0, -10.0), make_candidate(1, -9.0)]
    stray = shift(relax_host(fixed[0], -15.0, 0.0), 3, [1.5, 1.0, 0])
    samples = concatenate([stray, relax_host(fixed[1], -9.5, 0.05)])
    assert hold_hosts(samples, remove_inserted(fixed[0]), LIMITS) is samples


def test_candidates_that_collapsed_are_put_back_where_none_survived() -> None:
    fixed = [make_candidate(0, -10.0), make_candidate(1, -9.0)]
    lost = relax_host(fixed[0], float("nan"), 1.5).with_scalars(status=["collapsed"])
    host = remove_inserted(fixed[0])
    held = hold_hosts(concatenate([lost, record_fixed_host(fixed[1])]), host, LIMITS)
    assert held.scalars["status"].tolist() == ["collapsed", "converged"]
    (alone,) = hold_hosts(lost, host, LIMITS)
    assert alone.scalars["status"].tolist() == ["converged"]
    assert alone.scalars["energy"].tolist() == [-10.0]
    assert alone.metadata[0][HELD] == {
        "reasons": ["relaxation of all sites: collapsed"],
        "energy": None,
    }


@pytest.mark.parametrize("status", ["collapsed", "higher in energy", "duplicate"])
def test_candidates_that_all_sites_left_behind_are_put_back_with_the_others(status: str) -> None:
    fixed = [make_candidate(0, -10.0), make_candidate(1, -9.0)]
    lost = relax_host(fixed[0], -8.0, 0.05).with_scalars(status=[status])
    rebuilt = relax_host(fixed[1], -15.0, 1.5)
    held = hold_hosts(concatenate([lost, rebuilt]), remove_inserted(fixed[0]), LIMITS)
    assert held.scalars["status"].tolist() == ["converged", "converged"]
    assert held.scalars["energy"].tolist() == [-10.0, -9.0]


@pytest.mark.parametrize("status", ["failed", "unfinished"])
def test_candidates_whose_job_ended_too_early_are_still_seen(status: str) -> None:
    fixed = [make_candidate(0, -10.0), make_candidate(1, -9.0)]
    stopped = relax_host(fixed[0], -8.0, 0.05).with_scalars(status=[status])
    rebuilt = relax_host(fixed[1], -15.0, 1.5)
    held = hold_hosts(concatenate([stopped, rebuilt]), remove_inserted(fixed[0]), LIMITS)
    assert held.scalars["status"].tolist() == [status, "converged"]


def test_candidates_without_a_record_stay() -> None:
    one = make_candidate(0, -10.0)
    site = int(np.flatnonzero(one.numbers == 8)[0])
    moved = shift(one, site, [1.5, 0, 0])
    assert hold_hosts(moved, remove_inserted(one), LIMITS) is moved


class Rebuilding(Calculator):  # type: ignore[misc]
    """A potential of springs: H is 0.97 Å from O, and both O belong 1.5 Å from their sites."""

    implemented_properties = ("energy", "forces")

    def __init__(self, oxygen: Any) -> None:
        super().__init__()
        self.targets = oxygen + np.array([[1.5, 0, 0], [-1.5, 0, 0]])

    def calculate(
        self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        is_oxygen = atoms.numbers == 8
        oxygen = np.flatnonzero(is_oxygen)
        away = atoms.positions[is_oxygen] - self.targets
        energy, forces = float(np.sum(away**2)), np.zeros((len(atoms), 3))
        forces[is_oxygen] = -2 * away
        for index in np.flatnonzero(atoms.numbers == 1):
            vectors = atoms.get_distances(index, oxygen, mic=True, vector=True)
            nearest = int(np.linalg.norm(vectors, axis=1).argmin())
            length = float(np.linalg.norm(vectors[nearest]))
            pull = 10 * (length - 0.97) * vectors[nearest] / length
            energy += 5 * (length - 0.97) ** 2
            forces[index] += pull
            forces[oxygen[nearest]] -= pull
        self.results = {"energy": energy, "forces": forces}


@pytest.fixture(scope="module")
def restoration() -> Restoration:
    """Brucite, restored with a potential in which its O belong elsewhere."""
    host = remove_inserted(make_candidate(0, 0.0))
    host = replace(host, scalars={})
    settings = load_protocol("fast", {"symmetry": {"wyckoff": 0}})
    potential = wrap_calculator(Rebuilding(host.cart_coords[host.numbers == 8]))
    return restore(host, "H:2", settings, potential=potential)


def test_restorations_say_that_the_host_is_held(restoration: Restoration) -> None:
    (best,) = restoration.best
    host = restoration.hosts
    # Refined symmetry moves the origin by what the file has rounded.
    coords = best.frac_coords[~best.inserted]
    np.testing.assert_allclose(coords, host.frac_coords[~host.inserted], atol=1e-3)
    assert best.scalars["max_force"][0] < 0.1
    assert any("host held as measured" in one for one in get_findings(best, "notices"))
    assert best.metadata[0]["confidence"]["evidence"]["held"]
    assert best.scalars["confidence"][0] <= MOST
    text = write_cif(best, host=host, version="relaxed")
    assert "host held as measured" in text
    assert "all sites relaxed" not in text


def test_files_and_reports_do_not_say_that_hosts_relaxed_which_did_not(tmp_path: Path) -> None:
    host = replace(remove_inserted(make_candidate(0, 0.0)), scalars={})
    settings = load_protocol("fast", {"symmetry": {"wyckoff": 0}, "relax_all": None})
    potential = wrap_calculator(Rebuilding(host.cart_coords[host.numbers == 8]))
    found = restore(host, "H:2", settings, potential=potential)
    text = " ".join(write_cif(found.best, host=found.hosts, version="relaxed").split())
    assert "inserted in calculated positions, other sites as in the source" in text
    assert "all sites relaxed" not in text
    page = write_reports(group_rows_by_host(found.samples, found.hosts), tmp_path)
    assert "the host as measured, in which the inserted sites alone were relaxed" in page.read_text(
        "utf-8"
    )


def test_without_the_setting_candidates_fail(restoration: Restoration) -> None:
    host = replace(remove_inserted(make_candidate(0, 0.0)), scalars={})
    overrides = {"symmetry": {"wyckoff": 0}, "checks": {"hold_host": False}}
    potential = wrap_calculator(Rebuilding(host.cart_coords[host.numbers == 8]))
    found = restore(host, "H:2", load_protocol("fast", overrides), potential=potential)
    assert not len(found.best)
    assert "host atoms moved" in ", ".join(*found.failing.values())
