"""Jobs of Slurm in a container, whose image has another Python than the machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cluster import PYTHON, Cluster
from failing_code import BRUCITE
from faulty import QUICK
from processes import finished

pytestmark = pytest.mark.hpc

INSIDE = "/opt/hpaint"
"""Folder of the environment, in the image alone."""


@pytest.fixture(scope="module")
def image(cluster: Cluster) -> Path:
    """Folder of an image: names of what the engine mounts, and nothing of this machine's /etc."""
    folder = cluster.marks / "image"
    for name in ("dev", "proc", "tmp", "usr", INSIDE, read_base()):
        (folder / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for path in map(Path, ("/bin", "/lib", "/lib64", "/sbin")):
        if path.is_symlink():
            (folder / path.name).symlink_to(path.readlink())
    return folder


def read_base() -> str:
    """Return the folder of the interpreter that the environment links to."""
    command = [str(PYTHON), "-c", "import json, sys; print(json.dumps(sys.base_prefix))"]
    return str(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))


def test_jobs_of_a_cluster_run_in_a_container(image: Path, cluster: Cluster, computer: Any) -> None:
    from aiida.engine import submit
    from aiida.orm import CalcJobNode, ContainerizedCode, QueryBuilder, load_code

    from aiida_hpaint.cli import main
    from aiida_hpaint.workflows.chains.restore import RestoreWorkChain

    engine = (
        "bwrap --unshare-pid --unshare-uts --hostname inside --die-with-parent "
        "--ro-bind {image_name} / --dev /dev --proc /proc --tmpfs /tmp --ro-bind /usr /usr "
        f"--ro-bind {read_base()} {read_base()} --bind {PYTHON.parents[1]} {INSIDE} "
        f"--bind {cluster.scratch} {cluster.scratch}"
    )
    container = "--container", str(image), "--engine-command", engine
    program = "--python", f"{INSIDE}/bin/python", "--label", "boxed", "--queue", "short"
    cache = cluster.scratch / "cache"
    before = "--prepend", f"export AIIDA_HPAINT_CACHE={cache}\n"
    arguments = ["setup", "codes", computer.label, *container, *program, *before]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    code = load_code(f"boxed@{computer.label}")
    assert isinstance(code, ContainerizedCode)
    check: Any = QueryBuilder().append(CalcJobNode, filters={"label": f"check {code.full_label}"})
    answer = check.one()[0].outputs.answer.get_dict()
    assert answer["machine"]["name"] == "inside"
    assert answer["python"]["prefix"] == INSIDE
    assert answer["loops"]["compiled"], answer["loops"]
    assert list(cache.glob("messages-*.so"))
    builder = RestoreWorkChain.get_builder_from_protocol(code, BRUCITE, overrides=QUICK, add="H:2")
    finished(submit(builder), 900)
