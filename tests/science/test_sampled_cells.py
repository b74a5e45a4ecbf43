"""Restorations whose cells are sampled: what supposes one cell is off, and results say so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from cell_models import write_cell_model

from aiida_hpaint import Restoration, restore
from aiida_hpaint.science.diffusion import GeneratorError
from aiida_hpaint.science.evaluation import filter_samples
from aiida_hpaint.science.evaluation.duplicates import find_repeated
from aiida_hpaint.science.plausibility import find_contacts
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.recipe import plan_stages
from aiida_hpaint.science.relaxation.potentials import wrap_calculator
from aiida_hpaint.science.report.host_results import group_rows_by_host
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.structures import add_sites, from_ase, read_hosts
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.cell_changes import (
    SAMPLED_CELL,
    has_sampled_cells,
    name_cell_change,
    note_sampled_cells,
)
from aiida_hpaint.science.structures.writing import write_restored

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK: dict[str, Any] = {
    "sampling": {"samples": 4, "cell": "free", "cell_start": 0.1, "steps": 20, "redraws": 0},
    "symmetry": {"wyckoff": 8, "symmetrised": True, "refine": None},
    "score": None,
    "cell": "primitive",
    "relax_inserted": {"max_steps": 3, "screen": None},
    "relax_all": {"cell": "free", "max_steps": 20},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_cell_model(tmp_path_factory.mktemp("models") / "cells.safetensors")


def make_settings(model: str, **changes: Any) -> RestorationSettings:
    overrides = {**QUICK, **changes, "sampling": {**QUICK["sampling"], "generator": model}}
    return load_protocol("balanced", overrides)


def make_host() -> StructureBatch:
    """Palladium in a cell of the file that holds the primitive one four times."""
    return add_sites(from_ase([bulk("Pd", "fcc", a=4.0, cubic=True)]), {"H": 4})


@pytest.fixture(scope="module")
def restoration(model: str) -> Restoration:
    settings = make_settings(model)
    return restore(make_host(), settings=settings, potential=wrap_calculator(EMT()))


def test_what_supposes_one_cell_is_off(restoration: Restoration, model: str) -> None:
    stages = [record["stage"] for record in restoration.samples.history]
    assert "search" not in stages
    assert "symmetry" not in stages
    assert "search" in plan_stages(
        make_settings(model, sampling={}).model_copy(
            update={"sampling": make_settings(model).sampling.model_copy(update={"cell": "fixed"})}
        )
    )
    assert len(restoration.samples) == 4
    for entry in restoration.samples.metadata:
        assert "fixed_host" not in entry
        assert any("What supposes the cell of the host was left out" in n for n in entry["notes"])


def test_each_sample_has_its_own_cell_and_the_answer_says_so(restoration: Restoration) -> None:
    samples, host = restoration.samples, restoration.hosts
    assert (np.linalg.det(samples.cells) * np.linalg.det(host.cells[0]) > 0).all()
    known = ~samples.inserted
    assert len({tuple(cell.ravel().round(6)) for cell in samples.cells}) == 4
    best = restoration.candidates(0)[0]
    ratio = np.linalg.det(best.cells[0]) / np.linalg.det(host.cells[0])
    assert best.scalars["volume_change"][0] == pytest.approx(100 * (ratio - 1))
    atoms = make_atoms(best)
    assert best.scalars["energy"][0] == pytest.approx(EMT().get_potential_energy(atoms), abs=1e-6)
    assert SAMPLED_CELL in best.metadata[0]
    reasons = ", ".join(best.metadata[0]["confidence"]["reasons"])
    assert "cells were sampled and relaxed" in reasons
    assert known.sum() == 16


def make_atoms(one: StructureBatch) -> Any:
    from ase import Atoms

    return Atoms(one.numbers, one.cart_coords, cell=one.cells[0], pbc=True)


def test_files_report_and_tables_say_what_was_done_to_the_cell(
    restoration: Restoration, tmp_path: Path
) -> None:
    best = restoration.candidates(0)[0]
    write_restored(best, tmp_path, "pd", host=restoration.hosts)
    text = " ".join((tmp_path / "pd_relaxed.cif").read_text().split())
    assert "The cell was sampled and relaxed: a 4.000 ->" in text
    assert "Its cell was sampled with its sites" in text
    page = restoration.write_report(tmp_path / "report").read_text()
    assert "was sampled and relaxed" in page
    (result,) = group_rows_by_host(restoration.samples, restoration.hosts)
    tables: Any = pytest.importorskip("aiida_hpaint.cli.tables", reason="needs aiida-core")
    assert tables.describe_cells([result]) == [
        f"sampled and relaxed: {result.label}: {result.cell_change}"
    ]


def test_where_nothing_relaxes_the_cell_is_that_of_the_sample(model: str) -> None:
    settings = make_settings(model, relax_all=None, cell="file", checks=None)
    found = restore(make_host(), settings=settings, potential=wrap_calculator(EMT()))
    one = found.candidates(0)[0]
    said = one.metadata[0][SAMPLED_CELL]["volume_change"]
    assert one.scalars["volume_change"][0] == pytest.approx(said, abs=1e-3)
    assert name_cell_change(one) == "sampled"
    assert json.loads(json.dumps(one.metadata[0][SAMPLED_CELL])) == one.metadata[0][SAMPLED_CELL]


def test_generators_without_cells_are_refused_before_any_work(model: str) -> None:
    settings = make_settings(model)
    random = settings.sampling and settings.sampling.model_copy(update={"generator": "random"})
    with pytest.raises(GeneratorError, match=r"set sampling\.cell to 'fixed'"):
        restore(make_host(), settings=settings.model_copy(update={"sampling": random}))


def read_brucite() -> StructureBatch:
    found = read_hosts(EXAMPLES / "references" / "brucite.cif")
    scalars = {"host": [0], "sample": [0], "status": ["sampled"]}
    return replace(found, inserted=found.numbers == 1).with_scalars(**scalars)


def stretch(one: StructureBatch, factor: float) -> StructureBatch:
    return replace(one, cells=one.cells * factor)


def test_contacts_are_those_of_the_own_cell() -> None:
    one = read_brucite()
    samples = concatenate([one, stretch(one, 1.1), stretch(one, 0.6), one])
    together = find_contacts(samples, np.array([3, 1, 2]))
    for place, row in enumerate([3, 1, 2]):
        alone, mine = find_contacts(samples, np.array([row])), together.sample == place
        for name in ("first", "second", "distance", "radii"):
            np.testing.assert_array_equal(getattr(together, name)[mine], getattr(alone, name))
    assert together.size == 3


def test_samples_in_cells_that_differ_are_filtered_each_in_its_own() -> None:
    one = read_brucite()
    cells = [one, stretch(one, 1.005), stretch(one, 1.1), stretch(one, 0.5)]
    samples = concatenate(cells).with_scalars(sample=[0, 1, 2, 3])
    found = filter_samples(samples)
    assert found.scalars["status"].tolist() == ["sampled", "duplicate", "sampled", "too close"]
    assert found.scalars["same_as"].tolist() == [-1, 0, -1, -1]
    assert find_repeated(samples, np.array([2, 0, 1]), 0.3) == {1: 0}


def test_the_note_says_how_much_the_volume_changed() -> None:
    host = read_brucite()
    noted = note_sampled_cells(stretch(host, 1.1), host, 0.2)
    assert has_sampled_cells(noted)
    assert not has_sampled_cells(host)
    assert noted.metadata[0][SAMPLED_CELL] == {"volume_change": 33.1, "start": 0.2}
    assert "from time 0.2), which changed the volume by +33.1 %" in noted.metadata[0]["notes"][-1]
