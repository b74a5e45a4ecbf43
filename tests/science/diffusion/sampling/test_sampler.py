from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.models.cards import (
    CartesianNoiseSettings,
    FractionalNoiseSettings,
    ModelCard,
    NoiseSettings,
    SamplingDefaults,
)
from aiida_hpaint.science.diffusion.sampling.generation import generate, generate_recorded
from aiida_hpaint.science.diffusion.sampling.sampler import Sampler
from aiida_hpaint.science.diffusion.sampling.schedule import resolve_settings
from aiida_hpaint.science.settings import SamplingSettings, Scheme
from aiida_hpaint.science.structures.batch import StructureBatch

pytestmark = pytest.mark.numerics

SCHEMES = get_args(Scheme)
CELL = np.array([[3.0, 0, 0], [1.0, 3.5, 0], [0.5, -0.7, 5.0]])


def card(noise: NoiseSettings | None = None) -> ModelCard:
    noise = noise or CartesianNoiseSettings()
    return ModelCard(name="ideal", architecture="dense", network={}, noise=noise)


def clean_crystal() -> Crystals:
    frac = np.random.default_rng(1).random((5, 3))
    unknown = np.array([False, True, False, True, False])
    return collate([np.array([8, 1, 12, 1, 8])], [frac], [CELL], [unknown])


@pytest.mark.parametrize("noise", [CartesianNoiseSettings(), FractionalNoiseSettings()])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("corrector_steps", [0, 1])
def test_every_way_leads_an_exact_score_to_the_crystal(
    scheme: Scheme, noise: NoiseSettings, corrector_steps: int
) -> None:
    clean = clean_crystal()
    settings = SamplingSettings(
        scheme=scheme, steps=20, jump=3, resamplings=2, corrector_steps=corrector_steps
    )
    sampler = Sampler.create(clean, card(noise), settings)
    generator = torch.Generator().manual_seed(0)

    def draw() -> torch.Tensor:
        return torch.randn(clean.frac.shape, dtype=torch.float64, generator=generator)

    def exact(crystals: Crystals, told: torch.Tensor) -> torch.Tensor:
        shift = crystals.frac - clean.frac
        level = told.max()
        return (shift - shift.round()) @ sampler.predictor.axes[0] / level

    state = sampler.mark_moving(
        clean.with_frac(torch.where(clean.unknown[..., None], 0.37, clean.frac))
    )
    for move in sampler.moves:
        state, _ = sampler.step(state, move, exact, draw)
    shift = state.frac - clean.frac
    assert float((shift - shift.round()).abs().max()) < 1e-9
    if scheme in ("td", "pos-only"):
        assert torch.equal(state.frac[~clean.unknown], clean.frac[~clean.unknown])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_the_network_is_told(scheme: Scheme) -> None:
    clean = clean_crystal()
    sampler = Sampler.create(clean, card(), SamplingSettings(scheme=scheme, steps=6))
    told = sampler.site_levels(2)
    level = sampler.predictor.levels[2, 0]
    assert (told[clean.unknown] == level).all()
    assert (told[~clean.unknown] == (0 if scheme == "td" else level)).all()


def test_baseline_gives_known_sites_the_noise_of_the_level() -> None:
    clean = clean_crystal()
    sampler = Sampler.create(clean, card(), SamplingSettings(scheme="baseline", steps=30))
    seen = []

    def watch(crystals: Crystals, told: torch.Tensor) -> torch.Tensor:
        shift = (crystals.frac - clean.frac)[~clean.unknown]
        seen.append((shift - shift.round()) @ clean.cells[0])
        return torch.zeros_like(crystals.frac)

    state = sampler.mark_moving(clean)
    for _ in range(400):
        sampler.step(state, (22, 23), watch, lambda: torch.randn_like(clean.frac))
    assert float(torch.cat(seen).std()) == pytest.approx(
        float(sampler.predictor.levels[22, 0]), rel=0.1
    )


@pytest.mark.parametrize(("scale", "shrinks"), [(1.0, False), (0.7, True)])
def test_less_noise_gathers_samples_where_they_are_likely(scale: float, shrinks: bool) -> None:
    width, sites = 0.4, 800
    frac = np.full((sites, 3), 0.5)
    clean = collate([np.ones(sites, int)], [frac], [9 * np.eye(3)], [np.ones(sites, bool)])
    settings = SamplingSettings(steps=60, noise_scale=scale)
    sampler = Sampler.create(clean, card(), settings)
    generator = torch.Generator().manual_seed(0)

    def gaussian(crystals: Crystals, told: torch.Tensor) -> torch.Tensor:
        level = told.max()
        return (crystals.frac - clean.frac) * 9 * level / (level**2 + width**2)

    def draw() -> torch.Tensor:
        return torch.randn(clean.frac.shape, dtype=torch.float64, generator=generator)

    state = sampler.mark_moving(
        clean.with_frac(torch.rand(clean.frac.shape, generator=generator).double())
    )
    for move in sampler.moves:
        state, _ = sampler.step(state, move, gaussian, draw)
    spread = float((9 * (state.frac - clean.frac)).std())
    assert (spread < 0.8 * width) if shrinks else (spread == pytest.approx(width, rel=0.1))


def test_unset_settings_come_from_the_card() -> None:
    recommended = SamplingDefaults(scheme="pos-only", steps=50, corrector_steps=1, snr=0.4)
    model = card(FractionalNoiseSettings()).model_copy(update={"sampling": recommended})
    found = resolve_settings(SamplingSettings(steps=40), model)
    assert (found.scheme, found.steps, found.corrector_steps, found.snr) == ("pos-only", 40, 1, 0.4)
    assert found.last_time == pytest.approx(1 / 40)
    assert resolve_settings(SamplingSettings(), card()).last_time == 0


def test_noise_that_does_not_fall_is_refused() -> None:
    with pytest.raises(ValueError, match=r"last_time 0.3 is not below start_time 0.2"):
        resolve_settings(SamplingSettings(start_time=0.2, last_time=0.3), card())


def settings(scheme: Scheme, **options: object) -> SamplingSettings:
    return SamplingSettings(
        scheme=scheme, samples=2, steps=8, jump=2, resamplings=2, corrector_steps=1, **options
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_sample_is_the_same_alone_and_in_any_batch(scheme: Scheme, hosts: StructureBatch) -> None:
    together = generate(hosts, settings(scheme))
    apart = [generate(hosts[index], settings(scheme)) for index in range(len(hosts))]
    expected = np.concatenate([batch.frac_coords for batch in apart])
    shift = together.frac_coords - expected
    assert np.abs(shift - np.round(shift)).max() < 1e-6
    known = ~together.inserted
    assert np.array_equal(
        together.frac_coords[known], np.concatenate([b.frac_coords for b in apart])[known]
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_recorded_trajectory_ends_in_the_sample(scheme: Scheme, hosts: StructureBatch) -> None:
    samples, trajectory = generate_recorded(hosts, settings(scheme))
    path = 15 if scheme == "repaint" else 8
    assert len(trajectory) == len(samples)
    assert trajectory.positions.shape[0] == len(trajectory.times) + 1
    assert len(trajectory.times) >= path
    for row in range(len(samples)):
        sites = samples.sites(row)
        sought = samples.frac_coords[sites][samples.inserted[sites]]
        found = trajectory.positions[-1, trajectory.sites(row)]
        np.testing.assert_allclose(found, sought, atol=1e-6)
    rises = np.diff(trajectory.times) > 0
    assert rises.any() == (scheme == "repaint")
    assert np.array_equal(generate(hosts, settings(scheme)).frac_coords, samples.frac_coords), (
        "recording changes nothing"
    )


def test_a_trajectory_survives_the_disk(
    hosts: StructureBatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from aiida_hpaint.science.structures.trajectory import Trajectory

    _, trajectory = generate_recorded(hosts, settings("td"))
    path = tmp_path_factory.mktemp("trajectory") / "t.npz"
    trajectory.save(path)
    again = Trajectory.load(path)
    np.testing.assert_array_equal(again.positions, trajectory.positions)
    np.testing.assert_array_equal(again.hosts, trajectory.hosts)
    np.savez(path, times=[0.0])
    with pytest.raises(ValueError, match="lacks positions"):
        Trajectory.load(path)


def test_a_guess_is_refined_from_its_own_noise(hosts: StructureBatch) -> None:
    drawn = generate(hosts, SamplingSettings(samples=1, steps=25))
    again = generate(drawn, SamplingSettings(samples=1, steps=10, start_time=0.2))
    cells = np.repeat(drawn.cells, np.diff(drawn.offsets), axis=0)
    shift = again.frac_coords - drawn.frac_coords
    distance = np.linalg.norm(np.einsum("na,nab->nb", shift - np.round(shift), cells), axis=1)
    assert 0 < distance[drawn.inserted].max() < 1.2
    assert distance[~drawn.inserted].max() == 0


def test_refining_needs_a_guess(hosts: StructureBatch) -> None:
    with pytest.raises(ValueError, match="'brucite' has no guess to refine"):
        generate(hosts, SamplingSettings(start_time=0.5))
