from __future__ import annotations

import re
import subprocess
import sys

import pytest

from aiida_hpaint.science.environment import list_remote_requirements
from aiida_hpaint.science.environment.requirements import DAEMON_ONLY, read_package_name

JOBS = """
import sys
from aiida_hpaint.calculations.jobs import run_stage_job
from aiida_hpaint.science.evaluation import filter_samples, select_lowest
from aiida_hpaint.science.symmetry import add_symmetric_proposals
import aiida_hpaint.science.diffusion, aiida_hpaint.science.relaxation
aiida_hpaint.science.diffusion.generate, aiida_hpaint.science.relaxation.relax
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
BODIES = """
import sys
from aiida_hpaint.calculations.jobs import run_stage_job
from aiida_hpaint.calculations.jobs import run_stages_job
from aiida_hpaint.calculations.jobs import run_phases_job
from aiida_hpaint.calculations.training import train_job
print(*sys.modules)
"""
MODULES = {"scikit-image": "skimage"}
"""Top modules that are not called as their distribution."""


def names(*arguments: object) -> list[str]:
    return [read_package_name(line) for line in list_remote_requirements(*arguments)]  # type: ignore[arg-type]


def test_what_the_daemon_alone_needs_is_left_out() -> None:
    assert DAEMON_ONLY.isdisjoint(names())
    assert not [name for name in names() if name.startswith("aiida")]


def test_what_the_script_of_a_job_needs_is_there() -> None:
    assert "cloudpickle" in names(())


def test_extras_add_up() -> None:
    base, sampling, everything = set(names(())), set(names(("sampling",))), set(names(("ml",)))
    assert base < sampling < everything
    assert sampling - base == {"huggingface-hub", "omegaconf", "safetensors", "torch"}
    assert {"sevenn", "nequip", "lightning"} == everything - sampling


def test_packages_can_be_left_out() -> None:
    assert set(names(("ml",))) - set(names(("ml",), ["NequIP"])) == {"nequip"}


def test_no_marker_names_an_extra() -> None:
    assert not [
        line for line in list_remote_requirements(("ml", "dev")) if re.search("extra", line)
    ]


def test_an_unknown_extra_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no extra 'mlp': .*ml, sampling"):
        list_remote_requirements(("mlp",))


@pytest.mark.slow
def test_jobs_import_nothing_that_is_left_out() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", JOBS], capture_output=True, text=True, check=True
    )
    unwanted = {MODULES.get(name, name.replace("-", "_")) for name in DAEMON_ONLY}
    assert unwanted.isdisjoint(done.stdout.split())


@pytest.mark.usefixtures("profile")
def test_bodies_of_jobs_come_from_modules_without_aiida() -> None:
    from aiida_hpaint.calculations.jobs import run_stage_job, run_stages_job
    from aiida_hpaint.calculations.training import train_job
    from aiida_hpaint.workflows.restore.stage import _OTHER_JOBS

    for body in (run_stage_job, run_stages_job, *_OTHER_JOBS.values(), train_job):
        assert f"from {body.__module__} import" in BODIES
        assert body.__name__ in BODIES
    command = [sys.executable, "-W", "ignore", "-c", BODIES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split() if name.startswith(("aiida.", "aiida_work"))]
