from __future__ import annotations

from typing import Any

import click
import numpy as np
import pytest

from aiida_hpaint.cli.restore import run as module
from aiida_hpaint.cli.restore.request import RestorationRequest
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.restoration import Restoration
from aiida_hpaint.science.structures import StructureBatch


@pytest.fixture
def task(brucite: StructureBatch, monkeypatch: pytest.MonkeyPatch) -> module.Task:
    monkeypatch.setattr("aiida_hpaint.science.preflight.check_tools", lambda *_: None)
    monkeypatch.setattr(module, "_SITES_AT_ONCE", 1)
    settings = load_protocol("fast")
    return module.Task(RestorationRequest(hosts=["x"]), settings, brucite[[0, 0, 0]], 100)


def interrupt_after(number: int, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    calls: list[list[int]] = []

    def restore(hosts: StructureBatch, *_: Any) -> Restoration:
        if len(calls) == number:
            raise KeyboardInterrupt
        calls.append(hosts.host_indices.tolist())
        return Restoration(hosts, hosts)

    monkeypatch.setattr("aiida_hpaint.science.restoration.restore_batch", restore)
    return calls


def test_what_is_finished_is_kept(
    task: module.Task, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = interrupt_after(2, monkeypatch)
    found = module.run_here(task)
    assert calls == [[0], [1]]
    assert found.samples.scalars["host"].tolist() == [0, 1]
    assert f"Not finished: {task.hosts.labels[2]}\n" in capsys.readouterr().err


def test_all_hosts_are_joined_in_their_order(
    task: module.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(9, monkeypatch)
    assert np.array_equal(module.run_here(task).hosts.host_indices, [0, 1, 2])


def test_nothing_finished_is_said(task: module.Task, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(0, monkeypatch)
    with pytest.raises(click.ClickException, match="interrupted before a host was restored"):
        module.run_here(task)
