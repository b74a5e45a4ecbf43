"""References of the diffusion: noise levels, scores, losses and single steps."""

from __future__ import annotations

import numpy as np
import torch
from mattergen.common.diffusion.corruption import NumAtomsVarianceAdjustedWrappedVESDE
from mattergen.diffusion.wrapped.wrapped_normal_loss import (
    wrapped_normal_loss,
    wrapped_normal_score,
)
from mattergen.diffusion.wrapped.wrapped_predictors_correctors import (
    WrappedAncestralSamplingPredictor,
    WrappedLangevinCorrector,
)
from numpy.typing import NDArray
from torch import Tensor

from parity.crystals import Case, load_cases

from .networks import graph, graphs, precision
from .recording import Recorder

Arrays = dict[str, NDArray[np.generic]]

STEPS = 20
SNR = 0.2
LARGEST = 1e6
CHOSEN = (3, 13, 24, 26)
"""Crystals of 5, 15, 1 and 4 sites."""


def noise() -> NumAtomsVarianceAdjustedWrappedVESDE:
    """The noise of all published models."""
    return NumAtomsVarianceAdjustedWrappedVESDE(sigma_max=5.0, wrapping_boundary=1.0)


def chosen() -> list[Case]:
    """A few crystals, one of a single site."""
    cases = load_cases()
    return [cases[index] for index in CHOSEN]


def levels() -> Arrays:
    """Noise levels (sizes, times) of structures of given size at given times."""
    sizes, times = torch.tensor([1, 2, 7, 20]), torch.linspace(0, 1, 21, dtype=torch.float64)
    found = []
    with precision(torch.float64):
        for size in sizes:
            batch = {"num_atoms": size.repeat(len(times))}
            unit = torch.zeros(len(times), 1)
            found.append(noise().marginal_prob(unit, times, None, batch)[1][:, 0])
    return {
        "level_sizes": sizes.numpy(),
        "level_times": times.numpy(),
        "levels": torch.stack(found).numpy(),
    }


def scores() -> Arrays:
    """Wrapped scores of displaced sites, times the noise level, for a range of levels.

    The oracle adds up the images up to three cells away, which is all that matters up to a level
    of about one half.
    """
    generator = np.random.default_rng(5)
    sigma = torch.as_tensor(np.geomspace(0.002, 0.5, 25).repeat(8))
    kicks = torch.as_tensor(generator.standard_normal((len(sigma), 3))) * sigma[:, None]
    with precision(torch.float64):
        score = wrapped_normal_score(
            x=torch.remainder(kicks, 1.0),
            mean=torch.zeros(len(sigma), 3),
            wrapping_boundary=torch.eye(3)[None],
            variance_diag=sigma**2,
            batch=torch.zeros(len(sigma), dtype=torch.long),
        )
    return {
        "score_displacements": kicks.numpy(),
        "score_levels": sigma.numpy(),
        "scores_times_level": (score * sigma[:, None]).numpy(),
    }


def losses() -> Arrays:
    """Losses of made-up predictions on noised crystals: a sum over sites for each structure."""
    cases, sde, recorder = chosen(), noise(), Recorder(70)
    with precision(torch.float64):
        batch = graphs(cases, torch.float64)
        times = torch.tensor([case.time for case in cases])
        with recorder:
            noisy = sde.sample_marginal(batch["pos"], times, batch.batch, batch)
        predicted = recorder.normal(noisy.shape)
        found = wrapped_normal_loss(
            corruption=sde,
            score_model_output=predicted,
            t=times,
            batch_idx=batch.batch,
            batch_size=len(cases),
            x=batch["pos"],
            noisy_x=noisy,
            reduce="sum",
            batch=batch,
        )
    return {
        "chosen": np.array(CHOSEN),
        "loss_kicks": recorder.taken[0].numpy(),
        "loss_noisy": noisy.numpy(),
        "loss_predicted": predicted.numpy(),
        "losses": found.numpy(),
    }


def steps() -> Arrays:
    """One ancestral and one Langevin step of each chosen crystal at three times."""
    found: dict[str, list[Tensor]] = {}
    interval = torch.tensor(-1 / STEPS, dtype=torch.float64)
    with precision(torch.float64):
        for index, case in enumerate(chosen()):
            for number, time in enumerate((1.0, 0.4, 1 / STEPS)):
                rows = _steps(case, torch.tensor([time]), interval, Recorder(10 * index + number))
                for name, tensor in rows.items():
                    found.setdefault(f"step_{name}", []).append(tensor)
    return {name: torch.cat(tensors).numpy() for name, tensors in found.items()}


def _steps(case: Case, time: Tensor, interval: Tensor, recorder: Recorder) -> dict[str, Tensor]:
    batch, sde = graph(case, torch.float64), noise()
    estimate = recorder.normal(batch["pos"].shape)
    _, sigma = sde.marginal_prob(batch["pos"], time, batch.batch, batch)
    common = {
        "x": batch["pos"],
        "t": time,
        "dt": interval,
        "batch_idx": batch.batch,
        "score": -estimate / sigma,
    }
    corrector = WrappedLangevinCorrector(
        corruption=sde, score_fn=None, n_steps=1, snr=SNR, max_step_size=LARGEST
    )
    with recorder:
        predicted, mean = WrappedAncestralSamplingPredictor(
            corruption=sde, score_fn=None
        ).update_given_score(batch=batch, **common)
        corrected, _ = corrector.step_given_score(**common)
    kicks = recorder.taken
    return {
        "times": time.repeat(len(estimate)),
        "estimates": estimate,
        "kicks_predictor": kicks[0],
        "predicted": predicted,
        "means": mean,
        "kicks_corrector": kicks[1],
        "corrected": corrected,
    }
