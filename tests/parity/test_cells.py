"""Cells: noise, steps and the lattice head, beside mattergen's with equal random numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aiida_hpaint.science.diffusion.cell_noise import (  # noqa: E402
    CellNoise,
    symmetrise_normals,
)
from aiida_hpaint.science.diffusion.lattice import make_symmetric  # noqa: E402
from aiida_hpaint.science.diffusion.models.cards import CellNoiseSettings  # noqa: E402
from aiida_hpaint.science.diffusion.sampling import cell_steps  # noqa: E402
from aiida_hpaint.science.diffusion.sampling.cell_steps import CellSteps  # noqa: E402

from .crystals import load_cases  # noqa: E402
from .ours import DTYPES, build, levels_at, to_crystals  # noqa: E402
from .references import load  # noqa: E402

pytestmark = pytest.mark.numerics

NOISE = CellNoise(CellNoiseSettings(density=0.05771451654022283))
TIMES, STEPS, SNR = (1.0, 0.4, 1 / 20), 20, 0.2
CHOSEN = (3, 13, 24, 26)


@pytest.fixture(autouse=True)
def without_least_height(monkeypatch: pytest.MonkeyPatch) -> None:
    # The oracle's corrector takes eigenvalues without their sign, and knows no smallest one.
    monkeypatch.setattr(cell_steps, "FLATTEST", 0.0)


def assert_same_cells(found: torch.Tensor, expected: np.ndarray) -> None:
    """Compare symmetric cells; what has eigenvalues of another sign is the same lattice."""
    positive = [make_symmetric(cell) for cell in np.asarray(expected)]
    np.testing.assert_allclose(found, positive, rtol=0, atol=1e-9)


def make_steps(sites: list[int], *times: float) -> CellSteps:
    falling = torch.tensor(times, dtype=torch.float64)
    counts = torch.tensor(sites, dtype=torch.float64)
    steps = CellSteps.create(counts, falling, NOISE)
    return replace(steps, snr=SNR, largest_step=np.inf)


def test_cells_are_made_symmetric_as_mattergens() -> None:
    expected = load("cells")["marginal_cells"]
    found = [make_symmetric(case.cell) for case in load_cases()]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_noisy_cells_and_pure_noise() -> None:
    reference = {name: torch.as_tensor(value) for name, value in load("cells").items()}
    steps = make_steps([len(case.numbers) for case in load_cases()], *TIMES)
    kicks = [symmetrise_normals(each) for each in reference["marginal_kicks"]]
    for index in range(len(TIMES)):
        found = steps.renoise(reference["marginal_cells"], len(TIMES), index, kicks[index])
        assert_same_cells(found, reference["marginals"][index])
    assert_same_cells(steps.draw(kicks[-1]), reference["prior"])


@pytest.mark.parametrize("place", range(len(CHOSEN) * len(TIMES)))
def test_steps_of_predictor_and_corrector(place: int) -> None:
    reference = load("cells")
    row = {
        name.removeprefix("cell_"): torch.as_tensor(reference[name][place : place + 1])
        for name in reference
        if name.startswith("cell_")
    }
    case, time = load_cases()[CHOSEN[place // len(TIMES)]], float(row["times"][0])
    after = time - 1 / STEPS
    # The last interval of the oracle ends at time 0, without noise.
    steps = make_steps([len(case.numbers)], *([time, after] if after > 1e-9 else [time]))
    before, estimate = row["before"], row["estimates"]
    # The oracle's predictor takes one number for a cell where prior, noise and corrector take nine:
    # `randn_like` of a coefficient of the shape (B, 1, 1). Ours takes nine, and is given these.
    assert row["kicks_predictor"].shape == (1, 1, 1)
    kicks = symmetrise_normals(row["kicks_predictor"].expand(1, 3, 3))
    assert_same_cells(steps.predict(before, estimate, 0, kicks), row["predicted"])
    assert_same_cells(steps.predict(before, estimate, 0, 0 * kicks), row["means"])
    kicks = symmetrise_normals(row["kicks_corrector"])
    assert_same_cells(steps.correct(before, estimate, 0, kicks), row["corrected"])


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize(
    ("size", "every"), [("small", 1), pytest.param("full", 12, marks=pytest.mark.slow)]
)
def test_the_lattice_head(size: str, every: int, precision: str) -> None:
    network, dtype = build(size, DTYPES[precision]), DTYPES[precision]
    rows = zip(load_cases()[::every], load("cells")[f"{size}_{precision}"], strict=True)
    for case, expected in rows:
        if case.gap < 1e-5 and precision == "float32":
            continue  # two neighbours are equally far, and rounding may cut another one
        crystals = to_crystals([case], dtype, all_unknown=False)
        levels = levels_at([np.full(len(case.numbers), case.time)], crystals)
        with torch.no_grad():
            noise, of_cell = network.estimate_with_cells(crystals, levels)
            alone = network(crystals, levels, network.prepare(crystals))
        scale = max(1.0, float(np.abs(expected).max()))
        assert np.abs(-of_cell[0].numpy() - expected).max() < 1e-5 * scale, case.label
        tolerance = 1e-12 if precision == "float64" else 1e-4
        largest = max(1.0, float(alone.abs().max()))
        torch.testing.assert_close(noise, alone, rtol=0, atol=tolerance * largest)
