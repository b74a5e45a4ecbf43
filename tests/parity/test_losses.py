"""The loss of the training and its targets against the oracle's, of made-up predictions."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from aiida_hpaint.science.diffusion.noise import Noise  # noqa: E402
from aiida_hpaint.science.diffusion.training.dataset import expected_noise  # noqa: E402
from aiida_hpaint.science.diffusion.training.train import noise_loss  # noqa: E402

from .crystals import load_cases, per_case  # noqa: E402
from .ours import NOISE, levels_at, to_crystals  # noqa: E402
from .references import load  # noqa: E402


def test_losses_of_structures() -> None:
    reference = load("diffusion")
    cases = [load_cases()[index] for index in reference["chosen"]]
    rows = zip(
        cases,
        per_case(reference["loss_noisy"].astype(float), cases),
        per_case(reference["loss_predicted"].astype(float), cases),
        reference["losses"],
        strict=True,
    )
    exact = 0
    for case, noisy, predicted, theirs in rows:
        crystals = to_crystals([case], torch.float64)
        levels = levels_at([np.full(len(case.numbers), case.time)], crystals)
        axes = Noise(NOISE).axes(crystals.cells)[0].numpy()
        target = expected_noise(noisy - case.frac, axes, levels[0].numpy())
        found = noise_loss(
            -torch.as_tensor(predicted)[None],
            torch.as_tensor(target)[None],
            crystals.unknown,
            reduction="sum",
        )
        # the oracle's sum ends three cells away, which bends it where the noise fills the cell
        accuracy = 1e-6 if levels.max() < 0.5 else 0.015
        exact += bool(levels.max() < 0.5)
        assert float(found) == pytest.approx(float(theirs), rel=accuracy), case.label
    assert exact >= 2


def test_targets_are_wrapped_scores() -> None:
    reference = load("diffusion")
    levels = reference["score_levels"].astype(float)
    target = expected_noise(reference["score_displacements"].astype(float), np.eye(3), levels)
    wanted = -reference["scores_times_level"].astype(float)
    np.testing.assert_allclose(target, wanted, atol=2e-4)
    narrow = levels < 0.2
    np.testing.assert_allclose(target[narrow], wanted[narrow], atol=1e-10)
