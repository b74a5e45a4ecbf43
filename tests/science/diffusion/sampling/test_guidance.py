from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.sampling.generators import SampleRequest
from aiida_hpaint.science.diffusion.sampling.guidance import STEEPNESS, TOLERANCE, Guidance
from aiida_hpaint.science.diffusion.sampling.noise_streams import NoiseStreams
from aiida_hpaint.science.diffusion.sampling.requests import make_requests
from aiida_hpaint.science.plausibility import count_misplaced, find_implausible_samples
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import write_parents

LENGTH = 0.97


def make_batch(parents: list[int]) -> tuple[list[SampleRequest], Crystals, Guidance]:
    """Two O 3 Å apart along x in a box, and two H to insert."""
    cell = np.diag([9.0, 6.0, 6.0])
    frac = np.array([[0, 0, 0], [1 / 3, 0, 0], [np.nan] * 3, [np.nan] * 3])
    numbers = np.array([8, 8, 1, 1])
    host = StructureBatch(("x",), cell[None], [4], numbers, frac, numbers == 1)
    requests = make_requests(write_parents(host, [parents]), SamplingSettings(samples=1))
    clean = collate(
        [one.numbers for one in requests],
        [np.nan_to_num(one.frac) for one in requests],
        [one.frame.cell for one in requests],
        [one.unknown for one in requests],
    )
    return requests, clean, Guidance.create(requests, clean)


def denoise(crystals: Crystals, estimate: torch.Tensor, level: float) -> torch.Tensor:
    """Return the denoised positions in Å."""
    return crystals.frac @ crystals.cells - level * estimate


def correct(
    crystals: Crystals, guidance: Guidance, denoised: torch.Tensor, level: float
) -> torch.Tensor:
    """Return denoised positions (1, N, 3), Å, after the guidance."""
    estimate = (crystals.frac @ crystals.cells - denoised) / level
    levels = torch.tensor([level], dtype=torch.float64)
    corrected = guidance.correct(crystals, estimate, levels, crystals.cells)
    return denoise(crystals, corrected, level)


def test_without_parents_an_estimate_stays_bit_for_bit() -> None:
    _, crystals, guidance = make_batch([-1, -1])
    estimate = torch.randn(1, 4, 3, dtype=torch.float64)
    levels = torch.ones(1, dtype=torch.float64)
    assert torch.equal(guidance.correct(crystals, estimate, levels, crystals.cells), estimate)


@pytest.mark.parametrize("level", [0.02, TOLERANCE, 5.0])
def test_far_sites_are_pulled_inside_the_length_of_a_bond_while_noise_is_large(
    level: float,
) -> None:
    _, crystals, guidance = make_batch([0, -1])
    site = 2 if guidance.guided[0, 2] else 3
    parent = crystals.frac[0, :2] @ crystals.cells[0]
    at = int(
        torch.linalg.norm(guidance.parents[0, site] @ crystals.cells[0] - parent, dim=1).argmin()
    )
    denoised = (crystals.frac @ crystals.cells).clone()
    denoised[0, site] = parent[at] + torch.tensor([0.0, 2.0, 0.0])
    found = correct(crystals, guidance, denoised, level)[0, site] - parent[at]
    share = level**2 / (level**2 + TOLERANCE**2)
    assert found.tolist() == pytest.approx(
        [0, 2 + share * (2 * (LENGTH / 2) ** STEEPNESS - 2), 0], abs=1e-6
    )


def test_sites_closer_than_a_bond_and_without_parents_stay() -> None:
    _, crystals, guidance = make_batch([0, -1])
    site = 2 if guidance.guided[0, 2] else 3
    denoised = (crystals.frac @ crystals.cells).clone()
    denoised[0, site] = guidance.parents[0, site] @ crystals.cells[0] + 0.3
    denoised[0, 5 - site] = 2.5
    found = correct(crystals, guidance, denoised, 3.0)
    torch.testing.assert_close(found, denoised, atol=1e-12, rtol=0)


def test_fractional_noise_is_guided_alike() -> None:
    _, crystals, guidance = make_batch([0, 1])
    cube = replace(crystals, cells=torch.eye(3, dtype=torch.float64)[None] * 7)
    identity = torch.eye(3, dtype=torch.float64)[None]
    estimate = torch.randn(1, 4, 3, dtype=torch.float64, generator=torch.manual_seed(0))
    in_angstrom, fractional = (
        guidance.correct(cube, estimate, torch.tensor([level], dtype=torch.float64), axes)
        for level, axes in ((1.4, cube.cells), (0.2, identity))
    )
    torch.testing.assert_close(in_angstrom, fractional)
    assert not torch.equal(in_angstrom, estimate)


def test_sites_start_at_the_length_of_a_bond_in_all_directions() -> None:
    requests, crystals, guidance = make_batch([0, 0])
    streams = NoiseStreams([one.rng for one in requests], crystals.frac)
    found = torch.stack([guidance.place(crystals, streams).frac[0, 2:] for _ in range(200)])
    shifts = found - guidance.parents[0, 2:]
    bonds = (shifts - shifts.round()) @ crystals.cells[0]
    lengths = torch.linalg.norm(bonds, dim=-1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, LENGTH))
    assert float(torch.linalg.norm((bonds / LENGTH).mean((0, 1)))) < 0.2


@pytest.mark.parametrize("generator", ["bundled", "random"])
@pytest.mark.parametrize("carrier", [0, 1])
def test_samples_have_their_hydrogen_where_the_budget_says(generator: str, carrier: int) -> None:
    cell = np.diag([9.0, 6.0, 6.0])
    frac = np.array([[0, 0, 0], [1 / 3, 0, 0], [0.6, 0.5, 0.5], [np.nan] * 3, [np.nan] * 3])
    numbers = np.array([8, 8, 12, 1, 1])
    host = StructureBatch(("x",), cell[None], [5], numbers, frac, numbers == 1)
    host = write_parents(host, [[carrier, carrier]])
    settings = SamplingSettings(generator=generator, samples=8, steps=12, redraws=0)
    guided = count_misplaced(generate(host, settings))
    free = count_misplaced(generate(host, settings.model_copy(update={"use_parents": False})))
    assert guided.sum() < free.sum()
    again = generate(host, settings.model_copy(update={"redraws": 6}))
    assert count_misplaced(again).sum() <= guided.sum()
    assert (again.scalars["draws"] > 1)[guided > 0].all()


@pytest.mark.parametrize("distance", [0.4, 0.9, 1.6])
def test_sites_on_their_parents_move_to_the_mean_of_all_directions(distance: float) -> None:
    _, crystals, guidance = make_batch([0, -1])
    site = 2 if guidance.guided[0, 2] else 3
    level, direction = 0.5, np.array([0.48, 0.6, 0.64])
    parent = guidance.parents[0, site] @ crystals.cells[0]
    noisy = (crystals.frac @ crystals.cells).clone()
    noisy[0, site] = parent + torch.as_tensor(distance * direction)
    there = crystals.with_frac(noisy @ torch.linalg.inv(crystals.cells))
    denoised = noisy.clone()
    denoised[0, site] = parent
    found = (correct(there, guidance, denoised, level)[0, site] - parent).numpy()
    # The mean over directions, weighted with their probability given the noisy position.
    normals = np.random.default_rng(0).standard_normal((400_000, 3))
    bonds = LENGTH * normals / np.linalg.norm(normals, axis=1, keepdims=True)
    weights = np.exp(-((bonds - distance * direction) ** 2).sum(1) / (2 * level**2))
    mean = (weights[:, None] * bonds).sum(0) / weights.sum()
    share = level**2 / (level**2 + TOLERANCE**2)
    np.testing.assert_allclose(found, share * mean, atol=5e-3)


def test_a_site_exactly_on_its_parent_stays_finite() -> None:
    _, crystals, guidance = make_batch([0, 1])
    at_parents = crystals.with_frac(
        torch.where(guidance.guided[..., None], guidance.parents, crystals.frac)
    )
    levels = torch.full((1,), 0.1, dtype=torch.float64)
    estimate = torch.zeros(1, 4, 3, dtype=torch.float64)
    found = guidance.correct(at_parents, estimate, levels, crystals.cells)
    assert torch.isfinite(found).all()


def test_hydrogen_with_many_equivalent_directions_leaves_its_parent() -> None:
    # Rock salt KOH: all directions of O-H are equivalent, and their mean is on the O atom.
    numbers = np.array([19] * 4 + [8] * 4 + [1] * 4)
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    frac = np.concatenate([corners, corners + 0.5, np.full((4, 3), np.nan)])
    host = StructureBatch(("x",), np.eye(3)[None] * 5.78, [12], numbers, frac, numbers == 1)
    settings = SamplingSettings(samples=3, steps=12, redraws=0)
    free = generate(host, settings)
    guided = generate(write_parents(host, [[4, 5, 6, 7]]), settings)
    assert find_implausible_samples(free).all()
    assert not find_implausible_samples(guided).any()
    assert (count_misplaced(guided) == 0).all()
