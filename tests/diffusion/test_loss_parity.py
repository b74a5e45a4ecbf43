"""Our loss against that of mattergen 1.0.3, which wrote the reference files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aiida_hpaint.diffusion.cards import FractionalNoiseSettings
from aiida_hpaint.diffusion.crystals import collate
from aiida_hpaint.diffusion.dataset import expected_noise
from aiida_hpaint.diffusion.noise import Noise
from aiida_hpaint.diffusion.training import noise_loss

DATA = Path(__file__).parents[1] / "parity" / "data"
EXACT = 0.5
"""Level up to which the images that mattergen adds up are all that matter."""


def test_the_summed_loss_is_that_of_mattergen() -> None:
    with np.load(DATA / "crystals.npz") as file:
        crystals = {name: file[name] for name in file.files}
    with np.load(DATA / "diffusion.npz") as file:
        wanted = {name: file[name] for name in file.files}
    ends = np.cumsum(crystals["counts"].astype(int))
    compared = 0
    rows = np.cumsum([0, *crystals["counts"][wanted["chosen"]]])
    for place, case in enumerate(wanted["chosen"]):
        sites = slice(ends[case] - crystals["counts"][case], ends[case])
        frac, ours = crystals["frac"][sites], slice(rows[place], rows[place + 1])
        numbers = crystals["numbers"][sites].astype(int)
        every = np.ones(len(numbers), dtype=bool)
        batch = collate([numbers], [frac], [crystals["cells"][case]], [every])
        time = torch.tensor([float(crystals["times"][case])])
        level = float(Noise(FractionalNoiseSettings()).levels(batch, time))
        if level > EXACT:
            continue
        kicks = wanted["loss_noisy"][ours] - frac
        target = expected_noise(kicks, np.eye(3), np.full(len(numbers), level))
        estimate = torch.as_tensor(-wanted["loss_predicted"][ours])[None]
        loss = noise_loss(estimate, torch.as_tensor(target)[None], batch.unknown, "sum")
        assert float(loss) == pytest.approx(wanted["losses"][place], rel=1e-6)
        compared += 1
    assert compared >= 2


def test_targets_are_the_wrapped_scores_of_mattergen() -> None:
    with np.load(DATA / "diffusion.npz") as file:
        kicks, levels = file["score_displacements"], file["score_levels"]
        wanted = -file["scores_times_level"]
    target = expected_noise(kicks, np.eye(3), levels)
    np.testing.assert_allclose(target, wanted, atol=2e-4)
    narrow = levels < 0.2
    np.testing.assert_allclose(target[narrow], wanted[narrow], atol=1e-10)
