"""References of whole trajectories, with all random numbers, for a replay.

| scheme | whose sampler |
| --- | --- |
| free | mattergen's, no site known |
| pos-only | mattergen's, with its mask |
| baseline | written here on mattergen's predictor, corrector and noise |
| td | the same, with a time for each site |

The last two do what XtalPaint's samplers are documented to do; it cannot be installed here.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from mattergen.common.loss import MaterialsLoss
from mattergen.diffusion.corruption.multi_corruption import MultiCorruption
from mattergen.diffusion.diffusion_module import DiffusionModule
from mattergen.diffusion.sampling.pc_sampler import PredictorCorrector
from mattergen.diffusion.wrapped.wrapped_predictors_correctors import (
    WrappedAncestralSamplingPredictor,
    WrappedLangevinCorrector,
)
from torch import Tensor

from parity.crystals import KNOWN_TIME, Case, load_cases

from .diffusion import LARGEST, SNR, Arrays, noise
from .networks import build, graph, precision
from .recording import Recorder

STEPS = 10
CHOSEN = (3, 24, 26)
"""Crystals of 5, 1 and 4 sites."""
SCHEMES = ("free", "pos-only", "baseline", "td")


def trajectories() -> Arrays:
    """Positions after each step, their kicks and the final means, by scheme and corrector steps."""
    found: Arrays = {"chosen": np.array(CHOSEN)}
    cases = load_cases()
    with precision(torch.float64):
        for scheme in SCHEMES:
            for correctors in (0, 1):
                for index, case in enumerate(cases[number] for number in CHOSEN):
                    recorder = Recorder(1000 + index)
                    for name, rows in _draw(scheme, correctors, case, recorder).items():
                        found[f"{scheme}_{correctors}_{index}_{name}"] = rows
    return found


def _draw(scheme: str, correctors: int, case: Case, recorder: Recorder) -> Arrays:
    run = {"free": _masked, "pos-only": _masked, "baseline": _renoised, "td": _per_site}[scheme]
    unknown = np.ones_like(case.unknown) if scheme == "free" else case.unknown
    known = torch.as_tensor(~unknown, dtype=torch.float64)[:, None].expand(-1, 3).contiguous()
    with recorder:
        positions, mean = run(case, known, correctors)
    return {
        "positions": torch.stack(positions).numpy(),
        "mean": mean.numpy(),
        "kicks": torch.stack(recorder.taken).numpy(),
    }


def _masked(case: Case, known: Tensor, correctors: int) -> tuple[list[Tensor], Tensor]:
    """The sampler of mattergen from beginning to end."""
    sampler = PredictorCorrector(
        diffusion_module=_module(),
        device=torch.device("cpu"),
        n_steps_corrector=correctors,
        N=STEPS,
        eps_t=1 / STEPS,
        predictor_partials={"pos": WrappedAncestralSamplingPredictor},
        corrector_partials={"pos": _corrector()} if correctors else {},
    )
    batch = graph(case, torch.float64)
    final, mean, before = sampler.sample_with_record(batch, mask={"pos": known})
    starts = before[:: 1 + correctors]
    return [state["pos"] for state in starts] + [final["pos"]], mean["pos"]


def _renoised(case: Case, known: Tensor, correctors: int) -> tuple[list[Tensor], Tensor]:
    """Known sites get the noise of each level afresh; all sites take every step."""
    state = _Walk(case, known, _module())
    for time in state.times:
        fresh = state.sde.sample_marginal(state.clean, time[None], state.index, state.batch)
        state.pos = torch.where(known.bool(), fresh, state.pos)
        for _ in range(correctors):
            state.correct(time[None])
        state.predict(time[None])
    return state.path, state.mean


def _per_site(case: Case, known: Tensor, correctors: int) -> tuple[list[Tensor], Tensor]:
    """Known sites stay, the network is told that they are clean; norms are of unknown sites."""
    state = _Walk(case, known, _module(per_site=True))
    keep = known.bool()
    for time in state.times:
        told = torch.where(keep[:, 0], KNOWN_TIME, time)
        for _ in range(correctors):
            state.correct(time[None], told, ~keep[:, 0])
            state.pos = torch.where(keep, state.clean, state.pos)
        state.predict(time[None], told)
        state.pos, state.mean = (torch.where(keep, state.clean, x) for x in (state.pos, state.mean))
        state.path[-1] = state.pos
    return state.path, state.mean


class _Walk:
    """One crystal on its scheme down, moved by mattergen's predictor and corrector."""

    def __init__(self, case: Case, known: Tensor, module: DiffusionModule) -> None:
        self.module, self.sde = module, module.corruption.sdes["pos"]
        self.batch = graph(case, torch.float64)
        self.clean, self.index = self.batch["pos"], self.batch.batch
        self.times = torch.linspace(1, 1 / STEPS, STEPS)
        self.interval = -torch.tensor((1 - 1 / STEPS) / (STEPS - 1))
        prior = self.sde.prior_sampling(self.clean.shape, self.batch, self.index)
        self.pos = torch.where(known.bool(), self.clean, prior)
        self.mean = self.pos
        self.path: list[Tensor] = [self.pos]

    def score(self, time: Tensor, told: Tensor | None) -> Tensor:
        """The score (n, 3) of all sites at the structure's own noise level."""
        noisy = self.batch.replace(pos=self.pos)
        found = self.module.model(noisy, time if told is None else told)["pos"]
        return found / self.sde.marginal_prob(found, time, self.index, self.batch)[1]

    def predict(self, time: Tensor, told: Tensor | None = None) -> None:
        """One ancestral step."""
        predictor = WrappedAncestralSamplingPredictor(corruption=self.sde, score_fn=None)
        self.pos, self.mean = predictor.update_given_score(
            x=self.pos,
            t=time,
            dt=self.interval,
            batch_idx=self.index,
            score=self.score(time, told),
            batch=self.batch,
        )
        self.path.append(self.pos)

    def correct(
        self, time: Tensor, told: Tensor | None = None, moving: Tensor | None = None
    ) -> None:
        """One Langevin step of the moving sites (all, if None is given)."""
        rows = torch.ones_like(self.index, dtype=torch.bool) if moving is None else moving
        corrector = _corrector()(corruption=self.sde, score_fn=None, n_steps=1)
        kicks = torch.randn_like(self.pos)
        moved = self.pos.clone()
        with patch.object(torch, "randn_like", lambda _: kicks[rows]):
            moved[rows], _ = corrector.step_given_score(
                x=self.pos[rows],
                batch_idx=self.index[rows],
                score=self.score(time, told)[rows],
                t=time,
                dt=self.interval,
            )
        self.pos = moved


def _corrector() -> Any:
    return partial(WrappedLangevinCorrector, snr=SNR, max_step_size=LARGEST)


def _module(per_site: bool = False) -> DiffusionModule:
    loss = MaterialsLoss(
        reduce="sum", include_cell=False, include_atomic_numbers=False, weights={"pos": 1.0}
    )
    network = build("open", per_site, torch.float64)
    return DiffusionModule(network, MultiCorruption(sdes={"pos": noise()}), loss).eval()
