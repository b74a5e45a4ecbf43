"""Restorations whose cells relax: what else there is of one host stays right, and says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from aiida_hpaint import Restoration, restore
from aiida_hpaint.science.confidence.evidence import collect_evidence
from aiida_hpaint.science.evaluation import exclude_fixed_cells, rank, select_lowest
from aiida_hpaint.science.evaluation.matching import is_match
from aiida_hpaint.science.evaluation.reranking import settle_reranking
from aiida_hpaint.science.plausibility.answers import make_answer
from aiida_hpaint.science.plausibility.check_answers import check_answer
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation.potentials import wrap_calculator
from aiida_hpaint.science.report.host_results import group_rows_by_host
from aiida_hpaint.science.restoration import relax_reference
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures import add_sites, from_ase, read_hosts
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.cell_changes import describe_cell_change, measure_strain
from aiida_hpaint.science.structures.primitive import choose_searches, expand_samples
from aiida_hpaint.science.symmetry import refine_symmetry

EXAMPLES = Path(__file__).parents[2] / "examples"
FREE = {"settings": {"moving": "all", "cell": "free"}, "stage": "relax_all"}
QUICK = {
    "sampling": {"samples": 3, "generator": "random"},
    "symmetry": {"wyckoff": 0, "refine": None},
    "score": None,
    "search": None,
    "checks": None,
    "cell": "primitive",
    "relax_inserted": {"max_steps": 3},
    "relax_all": {"cell": "free", "max_steps": 60, "fmax": 0.05},
}


def read_brucite() -> StructureBatch:
    """Return brucite whose H are inserted, as a sample that has a rank."""
    found = read_hosts(EXAMPLES / "references" / "brucite.cif")
    scalars = {"host": [0], "sample": [0], "rank": [0], "status": ["converged"], "energy": [-10.0]}
    return replace(found, inserted=found.numbers == 1).with_scalars(**scalars)


def stretch(one: StructureBatch, *factors: float) -> StructureBatch:
    return replace(one, cells=one.cells @ np.diag(factors))


@pytest.fixture(scope="module")
def restoration() -> Restoration:
    """Palladium with one H in a cell of the file that holds the primitive one four times."""
    host = add_sites(from_ase([bulk("Pd", "fcc", a=4.6, cubic=True)]), {"H": 4})
    settings = load_protocol("fast", QUICK)
    return restore(host, settings=settings, potential=wrap_calculator(EMT()))


def test_the_cell_of_the_answer_has_relaxed_and_all_that_is_said_fits(
    restoration: Restoration,
) -> None:
    best, host = restoration.best, restoration.hosts
    assert best.scalars["cell_repeats"][0] == 4
    ratio = np.linalg.det(best.cells[0]) / np.linalg.det(host.cells[0])
    assert ratio > 1.1
    assert best.scalars["volume_change"][0] == pytest.approx(100 * (ratio - 1))
    assert best.scalars["max_stress"][0] < 0.2
    assert best.scalars["energy"][0] < best.scalars["energy_fixed_cell"][0]
    record = next(each for each in best.history if each["stage"] == "relax_all")
    assert record["settings"]["cell"] == "free"
    # Energy and cell belong together in the cell of the file, too.
    atoms = EMT().get_potential_energy(make_atoms(best))
    assert best.scalars["energy"][0] == pytest.approx(atoms, abs=1e-6)
    assert "cells relaxed" in ", ".join(best.metadata[0]["confidence"]["reasons"])
    unranked = restoration.samples.scalars["rank"] < 0
    assert np.isnan(restoration.samples.scalars["volume_change"][unranked]).all()
    before = best.metadata[0]["fixed_host"]
    assert before["energy"] == pytest.approx(best.scalars["energy_fixed_cell"][0], abs=1e-9)
    assert len(before["frac_coords"]) == 4


def make_atoms(one: StructureBatch) -> Any:
    from ase import Atoms

    return Atoms(one.numbers, one.cart_coords, cell=one.cells[0], pbc=True)


def test_references_relax_with_their_cells(restoration: Restoration) -> None:
    settings = load_protocol("fast", QUICK)
    reference = restoration.best.with_scalars(status=["sampled"])
    squeezed = replace(reference, scalars={}, cells=reference.cells * 0.97)
    relaxed = relax_reference(squeezed, settings, wrap_calculator(EMT()))
    assert measure_strain(relaxed.cells[0], restoration.best.cells[0]) < 0.01
    assert is_match(relaxed, restoration.best)


@pytest.mark.parametrize("strain", [(1.0, 1.0, 1.0), (1.1, 1.0, 0.95)])
def test_cells_of_the_file_are_those_of_the_sample_repeated(strain: tuple[float, ...]) -> None:
    host = add_sites(from_ase([bulk("Pd", "fcc", a=4.6, cubic=True)]), {"H": 4})
    (search,) = choose_searches(host, "primitive")
    frac = np.where(np.isnan(search.frac_coords), 0.5, search.frac_coords)
    sample = stretch(search, *strain).with_coords(frac).with_scalars(host=[0], sample=[0])
    found = expand_samples(sample, host)
    if strain == (1.0, 1.0, 1.0):
        np.testing.assert_array_equal(found.cells, host.cells)
    np.testing.assert_allclose(found.cells[0], host.cells[0] @ np.diag(strain), atol=1e-12)
    small, large = (
        Structure(Lattice(one.cells[0]), one.numbers, one.frac_coords) for one in (sample, found)
    )
    assert large.volume == pytest.approx(4 * small.volume)
    assert is_same_crystal(small, large)


def is_same_crystal(small: Structure, large: Structure) -> bool:
    found = StructureMatcher(scale=False, primitive_cell=True, stol=1e-3, ltol=1e-3)
    return bool(found.fit(small, large))


def test_equal_arrangements_in_cells_that_differ_are_no_duplicates() -> None:
    one = read_brucite()
    close, far = stretch(one, 1.0, 1.0, 1.001), stretch(one, 1.0, 1.0, 1.08)
    samples = concatenate([one, close, far]).with_scalars(sample=[0, 1, 2])
    statuses = select_lowest(samples, keep=3, window=0.0).scalars["status"]
    assert statuses.tolist() == ["converged", "duplicate", "converged"]


def test_energies_in_fixed_and_relaxed_cells_are_not_ranked_together() -> None:
    one = read_brucite()
    samples = concatenate([one, one, one]).with_scalars(
        sample=[0, 1, 2],
        host=[0, 0, 1],
        energy=[-10.0, -11.0, -9.0],
        max_stress=[0.1, np.nan, np.nan],
    )
    found = exclude_fixed_cells(samples)
    assert found.scalars["status"].tolist() == ["converged", "failed", "converged"]
    assert "its cell was not relaxed" in found.metadata[1]["error"]
    assert rank(found).scalars["rank"].tolist() == [0, -1, 0]
    assert exclude_fixed_cells(concatenate([one])).equals(one)


def test_candidates_that_a_second_potential_cannot_relax_get_their_cells_back() -> None:
    before = read_brucite().with_scalars(max_force=[0.01], max_stress=[0.1])
    after = stretch(before, 1.5, 1.0, 1.0).with_scalars(
        status=["failed"], max_stress=[9.0], energy_searched=[-10.0]
    )
    after = replace(after, history=({"stage": "rerank", "model": {"name": "other"}},))
    settled = settle_reranking(before, after)
    np.testing.assert_array_equal(settled.cells, before.cells)
    assert settled.scalars["max_stress"].tolist() == [0.1]


def test_bonds_of_the_host_are_measured_in_the_relaxed_cell() -> None:
    host = read_brucite()
    answer = make_answer(host, stretch(host, 1.0, 1.0, 1.2))
    assert answer.pairs.distance.min() != answer.pairs_before.distance.min()
    np.testing.assert_allclose(answer.shifts, 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("factor", "notice", "fails"), [(1.02, False, False), (1.1, True, False), (1.4, True, True)]
)
def test_large_strains_are_named(factor: float, notice: bool, fails: bool) -> None:
    host = read_brucite().with_scalars(max_force=[0.0])
    found = check_answer(make_answer(host, stretch(host, 1.0, 1.0, factor)), CheckSettings())
    named = [one for one in found if one.name == "cell strained"]
    assert bool(named) == notice
    assert any(one.fails for one in named) == fails
    for one in named:
        assert f"by {100 * (factor - 1):.0f} % along a direction: c 4." in one.detail


def test_samples_in_the_cell_of_the_host_are_compared_there() -> None:
    host = read_brucite()
    moved = host.frac_coords.copy()
    moved[host.inserted, 0] += 0.4
    samples = concatenate([host, host.with_coords(moved)]).with_scalars(
        sample=[0, 1],
        rank=[0, -1],
        status=["converged", "higher in energy"],
        energy=[-10.0, -8.0],
        energy_fixed_cell=[-9.0, -8.0],
    )
    assert collect_evidence(samples, host, 0).gap == pytest.approx(1.0 / 5)


def test_relaxed_cells_become_symmetric_with_their_sites() -> None:
    noise = np.eye(3) + 1e-3 * np.array([[1, 0.5, 0], [0, -1, 0], [0.5, 0, 0]])
    exact = stretch(read_brucite(), 1.02, 1.02, 0.97)
    noisy = replace(exact, cells=exact.cells @ noise, history=(FREE,))
    refined = refine_symmetry(noisy, 0.05)
    crystal = Structure(Lattice(refined.cells[0]), refined.numbers, refined.frac_coords)
    assert SpacegroupAnalyzer(crystal, symprec=1e-5).get_space_group_number() == 164
    assert measure_strain(noisy.cells[0], refined.cells[0]) < 2e-3
    fixed = refine_symmetry(replace(noisy, history=()), 0.05)
    np.testing.assert_array_equal(fixed.cells, noisy.cells)


def test_the_change_of_a_cell_in_words() -> None:
    before, after = np.diag([3.0, 4.0, 5.0]), np.array([[3.1, 0, 0], [0, 4, 0], [0, 0.5, 5]])
    words = describe_cell_change(before, after)
    assert words == "a 3.000 -> 3.100, c 5.000 -> 5.025 Å, alpha 90.00 -> 84.29°, volume +3.3 %"
    assert describe_cell_change(before, before) == "volume +0.0 %"


def test_output_and_report_say_what_became_of_the_cell(restoration: Restoration) -> None:
    (result,) = group_rows_by_host(restoration.samples, restoration.hosts)
    change = restoration.best.scalars["volume_change"][0]
    assert f"volume {change:+.1f} %" in result.cell_change
    tables: Any = pytest.importorskip("aiida_hpaint.cli.tables", reason="needs aiida-core")
    assert tables.describe_cells([result]) == [f"relaxed: {result.label}: {result.cell_change}"]
