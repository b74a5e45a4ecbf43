from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from aiida.orm import QueryBuilder, load_node
from aiida.plugins import DataFactory

from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.science.structures import Recording, Trajectory

pytestmark = pytest.mark.usefixtures("profile")


@pytest.fixture
def trajectory(recording: Recording) -> Trajectory:
    return recording.trajectory


def test_a_stored_trajectory_comes_back_bit_for_bit(trajectory: Trajectory) -> None:
    node = DiffusionTrajectoryData(trajectory).store()
    found = load_node(node.uuid).trajectory
    for field in fields(Trajectory):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(trajectory, field.name))
    assert len(node) == 3


def test_the_entry_point_is_the_class() -> None:
    assert DataFactory("hpaint.trajectory") is DiffusionTrajectoryData


def test_attributes_can_be_queried(trajectory: Trajectory) -> None:
    pk = DiffusionTrajectoryData(trajectory).store().pk
    wanted = {
        "id": pk,
        "attributes.n_samples": 3,
        "attributes.n_sites": 4,
        "attributes.n_steps": 4,
        "attributes.last_step": 7,
        "attributes.scheme": "repaint",
    }
    assert QueryBuilder().append(DiffusionTrajectoryData, filters=wanted).count() == 1


def test_a_stored_trajectory_does_not_change(trajectory: Trajectory) -> None:
    node = DiffusionTrajectoryData(trajectory).store()
    with pytest.raises(ValueError, match="read-only"):
        load_node(node.uuid).trajectory.positions[0] = 0.0


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {"scheme": "td"},
        lambda t: {"times": t.times * 2},
        lambda t: {"positions": np.nextafter(t.positions, np.float32(1))},
        lambda t: {"hosts": t.hosts + 1},
    ],
)
def test_content_makes_the_hash(trajectory: Trajectory, change: Any) -> None:
    other = replace(trajectory, **change(trajectory))
    nodes = (DiffusionTrajectoryData(found).store() for found in (trajectory, trajectory, other))
    hashes = [node.base.caching.get_hash() for node in nodes]
    assert hashes[0] == hashes[1] != hashes[2]


def test_only_a_trajectory_is_stored() -> None:
    with pytest.raises(TypeError, match="got list"):
        DiffusionTrajectoryData([1, 2])  # type: ignore[arg-type]


def test_pythonjob_makes_nodes_of_trajectories_and_back(trajectory: Trajectory) -> None:
    from aiida_pythonjob.data.deserializer import deserialize_to_raw_python_data
    from aiida_pythonjob.data.serializer import general_serializer

    node = general_serializer(trajectory, store=False)
    assert isinstance(node, DiffusionTrajectoryData)
    assert deserialize_to_raw_python_data(node).scheme == "repaint"
