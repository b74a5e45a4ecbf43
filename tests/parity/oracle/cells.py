"""References of cells: their noise, single steps, and what the network says of them."""

from __future__ import annotations

import torch
from mattergen.common.diffusion.corruption import LatticeVPSDE
from mattergen.common.diffusion.predictors_correctors import (
    LatticeAncestralSamplingPredictor,
    LatticeLangevinDiffCorrector,
)
from mattergen.common.utils.data_utils import compute_lattice_polar_decomposition
from torch import Tensor

from parity.crystals import Case, load_cases

from .diffusion import CHOSEN, LARGEST, SNR, STEPS, Arrays
from .networks import SIZES, build, graph, graphs, precision
from .outputs import PRECISIONS
from .recording import Recorder

DENSITY = 0.05771451654022283
EVERY = {"small": 1, "full": 12}
TIMES = (1.0, 0.4, 1 / STEPS)


def noise() -> LatticeVPSDE:
    """The noise of mattergen_base."""
    return LatticeVPSDE(
        beta_min=0.1, beta_max=20, limit_density=DENSITY, limit_var_scaling_constant=0.25
    )


def cells() -> Arrays:
    """All references of cells."""
    return marginals() | steps() | outputs()


def marginals() -> Arrays:
    """Noisy cells (times, crystals, 3, 3) with their random numbers, and pure noise."""
    cases, sde, recorder = load_cases(), noise(), Recorder(80)
    found: list[Tensor] = []
    with precision(torch.float64):
        batch = graphs(cases, torch.float64)
        cell = compute_lattice_polar_decomposition(batch["cell"])
        with recorder:
            for time in TIMES:
                times = torch.full((len(cases),), time)
                found.append(sde.sample_marginal(cell, times, None, batch))
            prior = sde.prior_sampling(cell.shape, batch)
    return {
        "marginal_cells": cell.numpy(),
        "marginal_kicks": torch.stack(recorder.taken).numpy(),
        "marginals": torch.stack(found).numpy(),
        "prior": prior.numpy(),
    }


def steps() -> Arrays:
    """One ancestral and one Langevin step of the cell of each chosen crystal at three times."""
    found: dict[str, list[Tensor]] = {}
    with precision(torch.float64):
        for index, case in enumerate(load_cases()[number] for number in CHOSEN):
            for number, time in enumerate(TIMES):
                rows = _steps(case, torch.tensor([time]), Recorder(200 + 10 * index + number))
                for name, tensor in rows.items():
                    found.setdefault(f"cell_{name}", []).append(tensor)
    return {name: torch.cat(tensors).numpy() for name, tensors in found.items()}


def _steps(case: Case, time: Tensor, recorder: Recorder) -> dict[str, Tensor]:
    batch, sde = graph(case, torch.float64), noise()
    cell = compute_lattice_polar_decomposition(batch["cell"])
    drawn = recorder.normal(cell.shape)
    estimate = (drawn + drawn.transpose(1, 2)) / 2
    _, sigma = sde.marginal_prob(cell, time, None, batch)
    interval = torch.tensor(-1 / STEPS)
    common = {"x": cell, "t": time, "dt": interval, "batch_idx": None, "score": -estimate / sigma}
    corrector = LatticeLangevinDiffCorrector(
        corruption=sde, score_fn=None, n_steps=1, snr=SNR, max_step_size=LARGEST
    )
    with recorder:
        predicted, mean = LatticeAncestralSamplingPredictor(
            corruption=sde, score_fn=None
        ).update_given_score(batch=batch, **common)
        corrected, _ = corrector.step_given_score(**common)
    return {
        "times": time,
        "before": cell,
        "estimates": estimate,
        "kicks_predictor": recorder.taken[0],
        "predicted": predicted,
        "means": mean,
        "kicks_corrector": recorder.taken[1],
        "corrected": corrected,
    }


def outputs() -> Arrays:
    """What the network says of cells (crystals, 3, 3): score times noise level.

    The large network is asked about one crystal in `EVERY`.
    """
    found: Arrays = {}
    for size in SIZES:
        cases = load_cases()[:: EVERY[size]]
        for name, dtype in PRECISIONS.items():
            network = build(size, False, dtype)
            with precision(dtype):
                rows = [
                    network(graph(case, dtype), torch.as_tensor([case.time], dtype=dtype))["cell"]
                    for case in cases
                ]
            found[f"{size}_{name}"] = torch.cat(rows).numpy()
    return found
