"""Stages that several processes share."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science import devices
from aiida_hpaint.science.devices import (
    DEVICES_VARIABLE,
    list_devices,
    run_stage_on_devices,
    share_hosts,
)
from aiida_hpaint.science.recipe import plan_stages, run_stage
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.types import HpaintWarning

SETTINGS = RestorationSettings.model_validate(
    {
        "sampling": {"generator": "random", "samples": 3, "seed": 5},
        "symmetry": {"symmetrised": True, "wyckoff": 2},
        "search": None,
    }
)


@pytest.fixture
def hosts(brucite: StructureBatch) -> StructureBatch:
    """Three hosts that differ a little, at the places 4, 5 and 9 of a campaign."""
    three = replace(brucite[[0, 0, 0]], labels=("a", "b", "c"))
    stretch = np.array([1.0, 1.01, 1.02])[:, None, None]
    return replace(three, cells=three.cells * stretch).with_scalars(host=[4, 5, 9])


def test_two_processes_give_what_one_gives(hosts: StructureBatch) -> None:
    inputs = plan_stages(SETTINGS)["sample"]
    one = run_stage("sample", hosts, inputs).structures
    two = run_stage_on_devices("sample", hosts, inputs, None, ["cpu", "cpu"]).structures
    assert len(set(one.scalars["origin"].tolist())) > 1
    assert replace(two, history=()).equals(replace(one, history=()))
    stages = [record["stage"] for record in one.history]
    assert [record["stage"] for record in two.history] == stages * 2


def test_parts_have_whole_hosts_and_about_as_many_sites(hosts: StructureBatch) -> None:
    samples = hosts[[0, 1, 2, 0, 1, 0]]
    parts = share_hosts(samples, 2)
    assert [part.tolist() for part in parts] == [[0, 3, 5], [1, 2, 4]]
    assert [part.tolist() for part in share_hosts(hosts, 8)] == [[0], [1], [2]]


def test_one_host_needs_one_process(hosts: StructureBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_run_processes", None)
    inputs = plan_stages(SETTINGS)["sample"]
    assert len(run_stage_on_devices("sample", hosts[[0]], inputs, None, ["cpu"] * 2).structures)
    assert len(run_stage_on_devices("sample", hosts, inputs, None, []).structures)


def test_errors_of_a_process_are_those_of_the_stage(
    hosts: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = plan_stages(SETTINGS)["sample"]
    wrong = hosts.with_scalars(host=["x", "y", "z"])
    with pytest.raises(ValueError, match="'x'"):
        run_stage_on_devices("sample", wrong, inputs, None, ["cpu", "cpu"])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="the process of device cpu ended with status 1"):
        run_stage_on_devices("sample", hosts, inputs, None, ["cpu", "cpu"])


def test_the_first_error_ends_processes_that_would_go_on(
    hosts: StructureBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\ncase "$2" in */0.given*) exec sleep 60;; esac\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    inputs = plan_stages(SETTINGS)["sample"]
    with pytest.raises(RuntimeError, match="status 3"):
        run_stage_on_devices("sample", hosts, inputs, None, ["cpu", "cpu"])


@pytest.mark.parametrize(
    ("asked", "visible", "found"),
    [
        ("", "0,1", []),
        ("all", "3, 5", ["3", "5"]),
        ("1,0", "3,5", ["5", "3"]),
        ("0", "GPU-0a1b", ["GPU-0a1b"]),
        ("cpu,cpu", "", ["cpu", "cpu"]),
    ],
)
def test_devices_are_those_that_the_job_sees(
    asked: str, visible: str, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEVICES_VARIABLE, asked)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list_devices() == found


def test_all_devices_of_a_job_without_any_are_one_process_and_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(DEVICES_VARIABLE, "all")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.warns(HpaintWarning, match="sees no GPU"):
        assert list_devices() == []


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv(DEVICES_VARIABLE, "0,1")
    with pytest.raises(ValueError, match="no device '1': this process sees 1 GPUs"):
        list_devices()
