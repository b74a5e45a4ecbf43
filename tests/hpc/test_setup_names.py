"""Names and paths that a shell would take apart, on the way to a computer and back."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cluster import PYTHON, Cluster

pytestmark = pytest.mark.hpc

ODD = "a 'quoted\" $(touch pwned) name"


def setup(*arguments: str) -> Result:
    from aiida_hpaint.cli import main

    return CliRunner().invoke(main, ["setup", *arguments])


@pytest.fixture
def odd(cluster: Cluster, hpc_daemon: Any) -> str:
    folder = cluster.scratch / ODD / "{username}"
    place = ("--host", "hpc", "--work-dir", str(folder), "--safe-interval", "0.5")
    result = setup("computer", ODD, *place, "--poll-interval", "1")
    assert result.exit_code == 0, result.output
    assert result.output.count("  ok ") == 4
    return ODD


def test_no_name_or_path_is_read_by_a_shell(odd: str, cluster: Cluster) -> None:
    link = cluster.scratch / "an 'odd\" $(touch pwned) environment"
    link.symlink_to(PYTHON.parents[1])
    python = str(link / "bin" / "python")
    arguments = ("--python", python, "--stage", "train", "--queue", "short")
    result = setup("codes", odd, *arguments, "--account", "samplers")
    # What training needs is not there: the remote side relaxes and samples.
    assert result.exit_code == 1
    (command,) = [line for line in result.output.split("\n") if "pip install" in line]
    assert shlex.split(command)[0] == python
    assert any(word.startswith("lightning") for word in shlex.split(command))
    assert not list(Path(cluster.folder).rglob("pwned"))
    assert not list(Path.cwd().glob("pwned"))
