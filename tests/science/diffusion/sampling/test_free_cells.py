"""Cells that are sampled with their sites: who begins where, what changes nothing, and refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cell_models import write_cell_model
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion import GeneratorError, generate
from aiida_hpaint.science.diffusion.cell_noise import CellNoise, symmetrise_normals
from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.lattice import make_symmetric
from aiida_hpaint.science.diffusion.models.cards import (
    CellNoiseSettings,
    FractionalNoiseSettings,
    ModelCard,
)
from aiida_hpaint.science.diffusion.models.checkpoints import load_model
from aiida_hpaint.science.diffusion.models.library import find_model
from aiida_hpaint.science.diffusion.sampling.free_cells import FreeCellSampler
from aiida_hpaint.science.diffusion.sampling.sampler import Sampler
from aiida_hpaint.science.preflight import check_tools
from aiida_hpaint.science.settings import RestorationSettings, SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.cell_changes import SAMPLED_CELL

pytestmark = pytest.mark.numerics


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_cell_model(tmp_path_factory.mktemp("models") / "cells.safetensors")


def free(model: str, **options: Any) -> SamplingSettings:
    values = {"samples": 2, "cell": "free", "precision": "float64", "steps": 8, "jump": 2}
    return SamplingSettings(generator=model, **{**values, **options})


def low_host(seed: int = 0, sites: int = 4, inserted: int = 2) -> StructureBatch:
    """A host without any symmetry."""
    rng = np.random.default_rng(seed)
    edge = (14 * sites) ** (1 / 3)
    cell = edge * (np.diag([0.9, 1.0, 1.15]) + 0.1 * rng.standard_normal((3, 3)))
    frac = np.concatenate([rng.random((sites, 3)), np.full((inserted, 3), np.nan)])
    numbers = np.concatenate([rng.integers(3, 30, sites), np.ones(inserted, int)])
    return StructureBatch((f"low{seed}",), cell[None], [len(numbers)], numbers, frac, numbers == 1)


@pytest.mark.parametrize("scheme", ["td", "pos-only", "baseline", "repaint"])
@pytest.mark.parametrize("start", [0.2, 1.0])
def test_samples_have_cells_of_their_own(model: str, scheme: Any, start: float) -> None:
    host = low_host()
    found = generate(host, free(model, scheme=scheme, cell_start=start))
    known = ~host.inserted
    for one in found:
        assert one.scalars["status"][0] == "sampled"
        assert np.sign(np.linalg.det(one.cells[0])) == np.sign(np.linalg.det(host.cells[0]))
        stretch = np.linalg.solve(host.cells[0], one.cells[0])
        np.testing.assert_allclose(stretch, stretch.T, atol=1e-9)
        assert np.abs(stretch - np.eye(3)).max() > 1e-3
        np.testing.assert_array_equal(one.frac_coords[known], host.frac_coords[known])
        change = 100 * (np.linalg.det(stretch) - 1)
        said = one.metadata[0][SAMPLED_CELL]
        assert said["volume_change"] == pytest.approx(change, abs=1e-3)
        assert said["start"] == start
        assert f"{change:+.1f} %" in one.metadata[0]["notes"][-1]
    assert np.abs(found.cells[0] - found.cells[1]).max() > 1e-3


def test_a_sample_is_the_same_alone_and_in_any_batch(model: str) -> None:
    hosts = concatenate([low_host(0, 4), low_host(1, 7, 1), low_host(2, 2)])
    together = generate(hosts, free(model))
    apart = concatenate([generate(host, free(model)) for host in hosts])
    np.testing.assert_allclose(together.cells, apart.cells, atol=1e-8)
    shift = together.frac_coords - apart.frac_coords
    assert np.abs(shift - np.round(shift)).max() < 1e-8
    again = generate(hosts, free(model), numbers=[[1], [0, 1], []])
    np.testing.assert_allclose(again.cells, apart.cells[[1, 2, 3]], atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_does_not_depend_on_the_setting_of_the_cell(model: str, seed: int) -> None:
    host, rng = low_host(seed), np.random.default_rng(seed)
    transform = np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]])[rng.permutation(3)]
    turn, shift = Rotation.random(random_state=seed).as_matrix(), rng.random(3)
    other = replace(
        host,
        cells=(transform @ host.cells[0] @ turn)[None],
        frac_coords=(host.frac_coords + shift) @ np.linalg.inv(transform),
    )
    plain, changed = (generate(each, free(model)) for each in (host, other))
    for one, two in zip(plain, changed, strict=True):
        cell = transform @ one.cells[0]
        np.testing.assert_allclose(two.cells[0] @ two.cells[0].T, cell @ cell.T, atol=1e-6)
        moved = two.frac_coords @ transform - shift - one.frac_coords
        assert np.abs(moved - np.round(moved)).max() < 1e-6


def make_sampler(start: float, start_time: float = 1.0) -> FreeCellSampler:
    frac = np.random.default_rng(1).random((3, 3))
    cell = make_symmetric(4 * np.eye(3) + 0.3 * np.ones((3, 3)))
    clean = collate([np.array([8, 1, 12])], [frac], [cell], [np.array([False, True, False])])
    noise = FractionalNoiseSettings()
    card = ModelCard(name="ideal", architecture="gemnet", network={}, noise=noise)
    settings = SamplingSettings(
        scheme="baseline",
        steps=10,
        corrector_steps=1,
        cell="free",
        cell_start=start,
        start_time=start_time,
    )
    base = Sampler.create(clean, card, settings)
    return FreeCellSampler.create(base, CellNoise(CellNoiseSettings()), settings)


@pytest.mark.parametrize(("start", "from_host"), [(0.35, 7), (1.0, 0)])
def test_above_the_start_the_cell_is_that_of_the_host_with_noise(
    start: float, from_host: int
) -> None:
    sampler, clean = make_sampler(start), make_sampler(start).positions.clean
    still = torch.zeros(1, 3, 3, dtype=torch.float64)
    seen: list[torch.Tensor] = []

    def watch(crystals: Crystals, told: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(crystals.cells)
        return torch.zeros_like(crystals.frac), torch.full_like(crystals.cells, 0.1)

    state = sampler.start(sampler.positions.mark_moving(clean), lambda: still)
    for move in sampler.positions.moves:
        state = sampler.step(
            state, move, watch, lambda: torch.zeros_like(clean.frac), lambda: still
        )
    steps = sampler.cells
    for index, cell in enumerate(seen[::2]):
        kept = steps.kept[index]
        held = kept * clean.cells + (1 - kept) * steps.mean
        if index < from_host:
            torch.testing.assert_close(cell, held)
            torch.testing.assert_close(seen[2 * index + 1], held)
    if start == 1:
        torch.testing.assert_close(seen[0], steps.mean)
    assert (sampler.first or 0) == max(from_host - 0, 0)
    assert not torch.allclose(state.cells, clean.cells)


@pytest.mark.parametrize("start", [0.35, 1.0])
def test_exact_scores_lead_a_host_that_is_too_small_to_the_crystal(start: float) -> None:
    sampler = make_sampler(start)
    steps, clean = sampler.cells, sampler.positions.clean
    wanted, inserted = 1.1 * clean.cells, torch.tensor([0.1, 0.4, 0.8], dtype=torch.float64)
    target = torch.where(clean.unknown[..., None], inserted, clean.frac)
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    def exact(crystals: Crystals, told: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        levels = sampler.positions.predictor.levels[:, 0]
        index = int((levels - told.max()).abs().argmin())
        shift = crystals.frac - target
        mean = steps.kept[index] * wanted + (1 - steps.kept[index]) * steps.mean
        cells = (crystals.cells - mean) / steps.levels[index][:, None, None]
        return (shift - shift.round()) / told.max(), cells

    state = sampler.positions.mark_moving(clean)
    state = sampler.start(state, lambda: symmetrise_normals(draw(1, 3, 3)))
    for move in sampler.positions.moves:
        state = sampler.step(
            state, move, exact, lambda: draw(1, 3, 3), lambda: symmetrise_normals(draw(1, 3, 3))
        )
    torch.testing.assert_close(state.cells, wanted, rtol=0, atol=1e-9)
    assert float((state.frac - target)[clean.unknown].abs().max()) < 1e-9


def test_guesses_begin_in_the_noise_of_their_time(model: str) -> None:
    sampler = make_sampler(1.0, start_time=0.3)
    assert sampler.first == 0, "nothing begins with pure noise below time 1"
    drawn = generate(low_host(), free(model))
    again = generate(drawn, free(model, samples=1, start_time=0.15))
    assert np.abs(again.cells - drawn.cells).max() > 0


def test_cells_that_are_not_finite_are_no_samples(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = low_host()
    loaded = load_model(model, "auto", "float64")

    def broken(crystals: Crystals, levels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros_like(crystals.frac), torch.full_like(crystals.cells, torch.nan)

    monkeypatch.setattr(loaded.network, "estimate_with_cells", broken)
    found = generate(host, free(model, samples=1, scheme="pos-only"))
    assert found.scalars["status"].tolist() == ["not a number"]
    np.testing.assert_array_equal(found.cells, host.cells)


def test_a_lattice_head_changes_nothing_in_fixed_cells(model: str, tmp_path: Path) -> None:
    headless = tmp_path / "headless.safetensors"
    write_cell_model(headless, lattice=False, cell=False)
    weights = load_model(str(headless), "cpu", "float64").network
    same = load_model(model, "cpu", "float64").network.state_dict()
    weights.load_state_dict({name: same[name] for name in weights.state_dict()})
    settings = free(model, cell="fixed")
    with_head, without = (
        generate(low_host(), settings.model_copy(update={"generator": name, "device": "cpu"}))
        for name in (model, str(headless))
    )
    np.testing.assert_array_equal(with_head.frac_coords, without.frac_coords)
    np.testing.assert_array_equal(with_head.cells, low_host().cells[[0, 0]])


@pytest.mark.parametrize(
    ("lacking", "reason"),
    [
        ({"cell": False}, "it was trained in fixed cells"),
        ({"lattice": False}, "its file has no lattice head"),
        ("random", "it places sites in the cell of the host"),
        ("bundled", "only networks of MatterGen can, and this one is dense"),
    ],
)
def test_generators_that_have_learned_no_cells_are_refused(
    lacking: Any, reason: str, tmp_path: Path
) -> None:
    name = lacking
    if not isinstance(lacking, str):
        name = write_cell_model(tmp_path / "lacking.safetensors", **lacking)
    pattern = rf"sampling.cell is 'free', but the generator .* {reason}.*mattergen/base"
    with pytest.raises(GeneratorError, match=pattern):
        generate(low_host(), SamplingSettings(generator=name, cell="free"))
    settings = RestorationSettings(sampling=SamplingSettings(generator=name, cell="free"))
    with pytest.raises(GeneratorError, match=pattern):
        check_tools(None, settings)


def test_what_cannot_be_with_free_cells_is_refused(model: str) -> None:
    with pytest.raises(GeneratorError, match="record 1 keeps positions in one cell"):
        generate(low_host(), free(model, record=1))
    with pytest.raises(ValueError, match=r"cell_start 0.05 is below the last noise level, at time"):
        generate(low_host(), free(model, cell_start=0.05))
    assert find_model(model).is_file()
