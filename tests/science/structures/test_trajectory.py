from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science.structures import Recording, Trajectory, load_npz


def same(left: Trajectory, right: Trajectory) -> bool:
    return all(
        np.array_equal(getattr(left, f.name), getattr(right, f.name), equal_nan=f.name == "means")
        for f in fields(Trajectory)
    )


def test_a_recording_survives_the_disk(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "trajectory.npz"
    recording.save(path)
    again = Recording.load(path)
    assert again.samples.equals(recording.samples)
    assert same(again.trajectory, recording.trajectory)
    assert load_npz(path).equals(recording.samples)
    assert same(Trajectory.load(path), recording.trajectory)


def test_nothing_in_the_file_is_a_pickle(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "trajectory.npz"
    recording.save(path)
    with np.load(path, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiubU" for name in arrays)


def test_rows_take_their_sites_along(recording: Recording) -> None:
    last = recording[[2, 0]]
    assert last.samples.labels == ("ß 2", "Li-H.a")
    assert last.trajectory.counts.tolist() == [2, 1]
    expected = recording.trajectory.positions[:, [2, 3, 0]]
    np.testing.assert_array_equal(last.trajectory.positions, expected)
    np.testing.assert_array_equal(last.trajectory.means[:, 0], recording.trajectory.means[:, 2])


def test_frames_lead_to_the_sample(recording: Recording) -> None:
    sample = recording.samples[2]
    frames = recording.frames(2)
    assert frames.scalars["step"].tolist() == [0, 2, 4, 6, 7]
    np.testing.assert_allclose(frames[4].frac_coords, sample.frac_coords, atol=1e-6)
    for frame in frames:
        np.testing.assert_array_equal(frame.frac_coords[0], sample.frac_coords[0])


def test_what_does_not_belong_together_is_refused(recording: Recording) -> None:
    with pytest.raises(ValueError, match=r"do not belong together: 2 samples with 2 inserted"):
        Recording(recording.samples[:2], recording.trajectory)
    other = replace(recording.trajectory, counts=np.array([1, 2, 1]))
    with pytest.raises(ValueError, match="do not belong together"):
        Recording(recording.samples, other)
