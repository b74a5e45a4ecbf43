from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.evaluation.animation import animate
from aiida_hpaint.science.evaluation.trajectories import compute_deviations, find_reference_sites
from aiida_hpaint.science.evaluation.trajectory_plot import check_format, plot_deviations
from aiida_hpaint.science.structures import (
    Recording,
    StructureBatch,
    Trajectory,
    add_sites,
    from_ase,
    read_hosts,
    remove_sites,
    write_extxyz,
)

EXAMPLES = Path(__file__).parents[3] / "examples"


def rmsd_by_ase(sample: StructureBatch, left: np.ndarray, right: np.ndarray) -> float:
    """The smallest over all permutations of equal elements, minimum images by ASE."""
    numbers = sample.numbers[sample.inserted]
    size = len(numbers)
    both = Atoms(
        np.tile(numbers, 2),
        scaled_positions=np.concatenate([left, right]),
        cell=sample.cells[0],
        pbc=True,
    )
    distances = both.get_all_distances(mic=True)[:size, size:]
    orders = map(list, itertools.permutations(range(size)))
    allowed = [order for order in orders if (numbers[order] == numbers).all()]
    return float(min(np.sqrt((distances[range(size), p] ** 2).mean()) for p in allowed))


def drawn(seed: int, inserted: str = "H:3,Li:1") -> Recording:
    """A random walk of four sites to where they are, in the skewed cell of brucite."""
    rng = np.random.default_rng(seed)
    host = add_sites(read_hosts(EXAMPLES / "hosts" / "brucite.cif"), inserted)
    count = int(host.inserted.sum())
    positions = rng.uniform(0, 1, (4, count, 3)).astype(np.float32)
    coords = host.frac_coords.copy()
    coords[host.inserted] = positions[-1]
    sample = host.with_coords(coords).with_scalars(host=[0], sample=[0])
    trajectory = Trajectory(
        times=np.array([1.0, 0.5, 0.0]),
        positions=positions,
        means=rng.uniform(0, 1, (3, count, 3)).astype(np.float32),
        counts=np.array([count]),
        hosts=np.array([0]),
        samples=np.array([0]),
        steps=np.array([1, 2, 3]),
        scheme="td",
    )
    return Recording(sample, trajectory)


@given(st.integers(0, 1000))
@settings(max_examples=15)
def test_distances_agree_with_ase(seed: int) -> None:
    recording = drawn(seed)
    found, trajectory = compute_deviations(recording), recording.trajectory
    sample, end = recording.samples[0], trajectory.positions[-1]
    positions = [rmsd_by_ase(sample, frame, end) for frame in trajectory.positions]
    means = [rmsd_by_ase(sample, frame, end) for frame in trajectory.means]
    np.testing.assert_allclose(found.positions[0], positions, atol=1e-5)
    np.testing.assert_allclose(found.means[0, 1:], means, atol=1e-5)


def test_samples_end_at_their_end(recording: Recording) -> None:
    found = compute_deviations(recording)
    assert found.positions.shape == found.means.shape == (3, 5)
    assert (found.positions[:, -1] == 0).all()
    assert (found.positions[:, 0] > 0).all()
    assert np.isnan(found.means[:, [0, 3]]).all()
    assert found.steps.tolist() == [0, 2, 4, 6, 7]
    assert np.isnan(found.times).all()


def test_time_falls_to_zero() -> None:
    recording = drawn(0)
    assert compute_deviations(recording).times.tolist() == [1.0, 0.5, 0.0, 0.0]
    thinned = replace(
        recording.trajectory, times=np.array([0.75, 0.25, 0.0]), steps=np.array([2, 4, 5])
    )
    times = compute_deviations(Recording(recording.samples, thinned)).times
    np.testing.assert_allclose(times, [1.0, 0.5, 0.0, 0.0])


@pytest.fixture
def reference() -> StructureBatch:
    return read_hosts(EXAMPLES / "references" / "brucite.cif")


def ending_at(reference: StructureBatch) -> Recording:
    """A trajectory that ends at the published positions."""
    _, complete = remove_sites(reference, "H")
    recording = drawn(1, "H:2")
    positions = recording.trajectory.positions.copy()
    positions[-1] = complete.frac_coords[complete.inserted]
    return Recording(recording.samples, replace(recording.trajectory, positions=positions))


@given(st.permutations(range(5)), st.sampled_from([(0, 0, 0), (0.001, -0.002, 1.0)]))
@settings(max_examples=15)
def test_sites_of_a_reference_may_be_in_any_order(order: list[int], shift: tuple[float]) -> None:
    reference = read_hosts(EXAMPLES / "references" / "brucite.cif")
    recording = ending_at(reference)
    mixed = replace(
        reference,
        numbers=reference.numbers[order],
        frac_coords=reference.frac_coords[order] + np.array(shift),
    )
    assert compute_deviations(recording, mixed).positions[0, -1] == pytest.approx(0, abs=1e-4)


def test_an_equivalent_arrangement_is_the_same(reference: StructureBatch) -> None:
    recording = ending_at(reference)
    # The twofold axis along a + b turns the published positions into each other's places.
    turned = recording.trajectory.positions[..., [1, 0, 2]] * [1, 1, -1]
    other = Recording(recording.samples, replace(recording.trajectory, positions=turned))
    found = compute_deviations(other, reference).positions
    np.testing.assert_allclose(found, compute_deviations(recording, reference).positions, atol=1e-4)


def test_known_sites_of_the_sought_element_are_left_out(reference: StructureBatch) -> None:
    hydrogen = np.flatnonzero(reference.numbers == 1)
    sample = replace(reference, inserted=np.isin(np.arange(5), hydrogen[:1]))
    found = find_reference_sites(sample, reference[0])
    np.testing.assert_allclose(found, reference.frac_coords[hydrogen[:1]], atol=1e-12)


def test_a_reference_of_something_else_is_refused(reference: StructureBatch) -> None:
    recording = drawn(1, "H:2")
    with pytest.raises(ValueError, match="has other sites: H4Mg2, not H2MgO2"):
        compute_deviations(recording, read_hosts(EXAMPLES / "references" / "magnesium_hydride.cif"))
    with pytest.raises(ValueError, match=r"another cell, .* Å .*: give it in the cell of the host"):
        compute_deviations(recording, replace(reference, cells=reference.cells * 1.1))
    shifted = reference.with_coords(reference.frac_coords + np.array([0, 0, 0.4]))
    with pytest.raises(ValueError, match=r"a site of the host is 2\.0 Å away in the reference"):
        compute_deviations(recording, shifted)


@pytest.mark.parametrize("name", ["rmsd.png", "rmsd.pdf", "rmsd.svg"])
def test_a_figure_is_drawn(recording: Recording, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    check_format(path)
    plot_deviations(compute_deviations(recording), ["a", "b", "c"], path, "title")
    plot_deviations(compute_deviations(drawn(0)), ["a"], path)
    assert path.stat().st_size > 1000


def test_a_figure_has_an_ending_of_a_figure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rmsd\.cif: a figure ends in one of \.png"):
        check_format(tmp_path / "rmsd.cif")


def test_an_animation_shows_every_frame(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "way.gif"
    pictures = animate(drawn(2), 0, path, frames_per_second=2)
    assert pictures == 4
    with image.open(path) as gif:
        # Equal pictures at the end are stored once.
        assert gif.n_frames in (4, 5)
        seen = []
        for index in range(4):
            gif.seek(index)
            seen.append(np.asarray(gif.convert("L"), dtype=int))
    assert all(np.abs(a - b).max() > 100 for a, b in itertools.pairwise(seen))
    # The crystal fills the picture, and a legend is below it.
    width = seen[-1].shape[1]
    assert np.ptp(np.flatnonzero((seen[-1] < 200).any(axis=0))) > 0.7 * width
    assert (seen[-1][-40:] < 200).any()


def test_frames_are_read_by_ase(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "frames.extxyz"
    write_extxyz(recording.frames(2), path)
    frames = read(path, index=":")
    assert [frame.info["step"] for frame in frames] == [0, 2, 4, 6, 7]
    assert frames[0].arrays["inserted"].tolist() == [False, True, True]
    end = from_ase([frames[-1]]).frac_coords
    expected = recording.samples[2].frac_coords
    np.testing.assert_allclose(end - expected - np.round(end - expected), 0, atol=1e-6)
