from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.diffusion.cell_noise import CellNoise, symmetrise_normals
from aiida_hpaint.science.diffusion.lattice import make_symmetric
from aiida_hpaint.science.diffusion.models.cards import CellNoiseSettings
from aiida_hpaint.science.diffusion.sampling.cell_steps import FLATTEST, CellSteps, make_positive

pytestmark = pytest.mark.numerics

NOISE = CellNoise(CellNoiseSettings())
TIMES = torch.linspace(1, 0.05, 20, dtype=torch.float64)
SITES = torch.tensor([2.0, 5.0, 40.0], dtype=torch.float64)
seeds = st.integers(0, 10_000)


def draw(seed: int, size: int = 3) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return symmetrise_normals(torch.as_tensor(rng.standard_normal((size, 3, 3))))


def make_cells() -> torch.Tensor:
    rng = np.random.default_rng(1)
    edges = [(10 * sites) ** (1 / 3) for sites in SITES.tolist()]
    return torch.as_tensor(
        np.stack([make_symmetric(e * (np.eye(3) + 0.1 * rng.random((3, 3)))) for e in edges])
    )


@given(seeds, st.floats(0.01, 30.0), st.integers(0, 18))
def test_cells_stay_symmetric_right_handed_and_of_finite_height(
    seed: int, size: float, timestep: int
) -> None:
    steps, cells = CellSteps.create(SITES, TIMES, NOISE), make_positive(3 * draw(seed))
    estimate, normals = size * draw(seed + 1), size * draw(seed + 2)
    for after in (
        steps.predict(cells, estimate, timestep, normals),
        steps.correct(cells, estimate, timestep, normals),
        steps.renoise(cells, timestep + 1, timestep, normals),
        steps.draw(normals),
    ):
        assert torch.equal(after, after.transpose(1, 2))
        smallest = torch.linalg.eigvalsh(after).min(1).values
        assert (smallest > FLATTEST * (1 - 1e-6)).all()
        assert (torch.linalg.det(after) > 0).all()


@given(seeds)
def test_what_is_positive_stays_bit_for_bit(seed: int) -> None:
    cells = make_cells() + 0.05 * draw(seed)
    assert torch.equal(make_positive(cells), (cells + cells.transpose(1, 2)) / 2)


def test_cells_that_are_not_finite_stay_so_and_change_no_other() -> None:
    cells = make_cells()
    cells[1, 0, 2] = torch.nan
    found = make_positive(cells)
    assert torch.equal(found[[0, 2]], make_positive(make_cells()[[0, 2]]))
    assert not found[1].isfinite().all()


@pytest.mark.parametrize("correctors", [0, 2])
def test_an_exact_score_leads_to_the_cell(correctors: int) -> None:
    steps, clean = CellSteps.create(SITES, TIMES, NOISE), make_cells()
    cells = steps.draw(draw(0))

    def exact(cells: torch.Tensor, timestep: int) -> torch.Tensor:
        kept = steps.kept[timestep]
        mean = kept * clean + (1 - kept) * steps.mean
        return (cells - mean) / steps.levels[timestep][:, None, None]

    for timestep in range(len(TIMES)):
        for turn in range(correctors):
            cells = steps.correct(cells, exact(cells, timestep), timestep, draw(100 + turn))
        cells = steps.predict(cells, exact(cells, timestep), timestep, draw(timestep))
    torch.testing.assert_close(cells, clean, rtol=0, atol=1e-10)


def test_noise_that_is_added_twice_is_the_noise_of_the_higher_level() -> None:
    steps, clean = CellSteps.create(SITES, TIMES, NOISE), make_cells()
    last, none = len(TIMES), torch.zeros(3, 3, 3, dtype=torch.float64)
    once = steps.renoise(clean, last, 4, none)
    torch.testing.assert_close(
        steps.renoise(steps.renoise(clean, last, 12, none), 12, 4, none), once
    )
    ratio = steps.kept[4] / steps.kept[12]
    added = steps.renoise(clean, 12, 4, torch.ones_like(none)) - steps.renoise(clean, 12, 4, none)
    squared = (ratio * steps.levels[12]).square() + added[:, 0, 0].square()
    torch.testing.assert_close(squared.sqrt(), steps.levels[4])


def test_noise_of_cells_scales_with_the_sites() -> None:
    steps = CellSteps.create(SITES, TIMES, NOISE)
    volumes = torch.linalg.det(steps.mean)
    torch.testing.assert_close(volumes, SITES / NOISE.settings.density)
    torch.testing.assert_close(steps.deviation, 0.5 * SITES ** (1 / 3))
    assert float(steps.kept[0]) < 0.01
    assert float(steps.kept[-1]) == 1
    assert (steps.levels[-1] == 0).all()


def test_symmetric_normals_have_variance_one() -> None:
    many = draw(0, 40_000)
    assert torch.equal(many, many.transpose(1, 2))
    torch.testing.assert_close(many.std(0), torch.ones(3, 3).double(), rtol=0, atol=0.02)


def test_the_corrector_looks_at_one_structure_alone() -> None:
    steps, cells = CellSteps.create(SITES, TIMES, NOISE), make_cells()
    estimate, normals = draw(5), draw(6)
    alone = CellSteps.create(SITES[:1], TIMES, NOISE)
    found = alone.correct(cells[:1], estimate[:1], 3, normals[:1])
    estimate[1:] *= 100
    torch.testing.assert_close(steps.correct(cells, estimate, 3, normals)[:1], found)
    still = steps.correct(cells, 0 * estimate, 3, normals)
    limit = (2 * steps.levels[3].square()).sqrt()[:, None, None]
    torch.testing.assert_close(still, make_positive(cells + limit * normals))
