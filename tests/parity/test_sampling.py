"""Noise levels, scores, steps and whole trajectories, replayed with the oracle's random numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aiida_hpaint.science.diffusion.models.cards import ModelCard  # noqa: E402
from aiida_hpaint.science.diffusion.noise import Noise, compute_wrapped_noise  # noqa: E402
from aiida_hpaint.science.diffusion.sampling.corrector import LangevinCorrector  # noqa: E402
from aiida_hpaint.science.diffusion.sampling.predictor import AncestralPredictor  # noqa: E402
from aiida_hpaint.science.diffusion.sampling.sampler import Sampler  # noqa: E402
from aiida_hpaint.science.settings import SamplingSettings  # noqa: E402

from .crystals import Case, load_cases, per_case  # noqa: E402
from .ours import NOISE, build, to_crystals  # noqa: E402
from .references import load  # noqa: E402

pytestmark = pytest.mark.numerics

STEPS, SNR = 10, 0.2
TIMES = (1.0, 0.4, 1 / 20)


def chosen() -> list[Case]:
    cases = load_cases()
    return [cases[index] for index in load("diffusion")["chosen"]]


def test_noise_levels() -> None:
    reference = load("diffusion")
    times = torch.as_tensor(reference["level_times"])
    sizes = torch.as_tensor(reference["level_sizes"])
    low, high = Noise(NOISE).bounds(torch.eye(3, dtype=torch.float64).expand(4, 3, 3), sizes)
    levels = low[:, None] * (high / low)[:, None] ** times
    np.testing.assert_allclose(levels, reference["levels"], rtol=1e-12)


def test_wrapped_scores() -> None:
    reference = load("diffusion")
    rows = zip(reference["score_displacements"], reference["score_levels"], strict=True)
    ours = [compute_wrapped_noise(kick[None], np.eye(3), float(level))[0] for kick, level in rows]
    np.testing.assert_allclose(-np.stack(ours), reference["scores_times_level"], rtol=0, atol=1e-7)


@pytest.mark.parametrize("index", range(4))
def test_steps_of_predictor_and_corrector(index: int) -> None:
    case, reference = chosen()[index], load("diffusion")
    crystals = to_crystals([case], torch.float64)
    repeated = [case for case in chosen() for _ in TIMES]
    for number, time in enumerate(TIMES):
        row = {
            name.removeprefix("step_"): torch.as_tensor(
                per_case(reference[name], repeated)[index * len(TIMES) + number]
            )
            for name in reference
            if name.startswith("step_")
        }
        estimate = row["estimates"][None]
        times = torch.tensor([time, max(time - 1 / 20, 0)], dtype=torch.float64)
        walk = AncestralPredictor.create(crystals, times, Noise(NOISE))
        if times[1] == 0:  # the oracle's last interval ends without noise
            walk = replace(walk, levels=torch.stack([walk.levels[0], walk.levels[2]]))
        after, mean = walk.step(crystals, estimate, 0, row["kicks_predictor"][None])
        assert apart(after.frac[0], row["predicted"]) < 1e-12
        assert apart(mean.frac[0], row["means"]) < 1e-12
        corrector = LangevinCorrector(SNR, largest_step=np.inf)
        kicks = row["kicks_corrector"][None]
        after = corrector.step(crystals, estimate, walk.levels[0], kicks, walk.axes)
        assert apart(after.frac[0], row["corrected"]) < 1e-12


def apart(ours: Any, theirs: Any) -> float:
    """Largest distance of fractional coordinates around the cell."""
    difference = ours - torch.as_tensor(theirs)
    return float((difference - difference.round()).abs().max())


SCHEMES = {"free": "pos-only", "pos-only": "pos-only", "baseline": "baseline", "td": "td"}
REPLAYED = [pair for pair in product(SCHEMES, (0, 1)) if pair != ("pos-only", 1)]


@pytest.mark.parametrize(("scheme", "correctors"), REPLAYED)
@pytest.mark.parametrize("index", range(3))
def test_trajectories(scheme: str, correctors: int, index: int) -> None:
    replay(scheme, correctors, index, norms_of_all=False)


@pytest.mark.parametrize("index", range(3))
def test_mattergens_mask_has_known_sites_in_the_norms(index: int) -> None:
    # Ours are of the moving sites alone, as XtalPaint's; the rest of the step is the same.
    replay("pos-only", 1, index, norms_of_all=True)


def replay(scheme: str, correctors: int, index: int, norms_of_all: bool) -> None:
    """Each step of a recorded trajectory, from where the oracle was before it."""
    reference, network = load("trajectories"), build("open", torch.float64)
    case = load_cases()[reference["chosen"][index]]
    positions, last_mean, kicks = (
        torch.as_tensor(reference[f"{scheme}_{correctors}_{index}_{name}"])
        for name in ("positions", "mean", "kicks")
    )
    clean = to_crystals([case], torch.float64, all_unknown=scheme == "free")
    sampler = make_sampler(clean, SCHEMES[scheme], correctors)
    if norms_of_all:
        sampler = replace(sampler, corrector=NormsOfAll(SNR, np.inf))
    following = iter(kicks[1:])  # the first made the start
    for step, move in enumerate(sampler.moves):
        crystals = sampler.mark_moving(clean.with_frac(positions[step][None]))
        found, mean = sampler.step(
            crystals,
            move,
            lambda noisy, levels: everywhere(network, noisy, levels),
            lambda: next(following)[None],
        )
        assert apart(found.frac[0], positions[step + 1]) < 1e-9, f"{case.label}, step {step}"
    assert apart(mean.frac[0], last_mean) < 1e-9
    assert not list(following)


def everywhere(network: Any, crystals: Any, levels: Any) -> Any:
    """The estimate for known sites too."""
    crystals = replace(crystals, unknown=crystals.present)
    return network(crystals, levels, network.prepare(crystals))


class NormsOfAll(LangevinCorrector):
    """The corrector with the norms over all sites, known ones too."""

    def step_size(self, crystals: Any, score: Any, levels: Any, kicks: Any) -> Any:
        everywhere = replace(crystals, unknown=crystals.present)
        return super().step_size(everywhere, score, levels, kicks)


def make_sampler(clean: Any, scheme: str, correctors: int) -> Sampler:
    card = ModelCard(name="oracle", architecture="gemnet", network={}, noise=NOISE)
    settings = SamplingSettings(scheme=scheme, steps=STEPS, corrector_steps=correctors, snr=SNR)
    sampler = Sampler.create(clean, card, settings)
    return replace(sampler, corrector=replace(sampler.corrector, largest_step=np.inf))


def test_times_of_the_levels() -> None:
    clean = to_crystals(chosen()[:1], torch.float64)
    times = make_sampler(clean, "td", 0).times
    np.testing.assert_allclose(times, np.linspace(1, 1 / STEPS, STEPS), rtol=1e-7)
