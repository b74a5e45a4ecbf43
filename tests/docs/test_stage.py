"""A stage is added by the edits that the page on extensions shows, and by nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from page_blocks import read_blocks

ROOT = Path(__file__).parents[2]
EDITS = [
    block
    for block in read_blocks(ROOT / "docs" / "how-to" / "extend.md")
    if block.section == "A stage"
]
NAMES = "NudgeSettings"

PLAIN = """
import sys
import numpy as np
from aiida_hpaint import __version__, restore
from aiida_hpaint.calculations.jobs import run_stage_job
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.recipe import plan_stages, run_stage
from aiida_hpaint.science.structures import add_sites, read_hosts

settings = load_protocol("fast", {
    "sampling": {"generator": "random", "samples": 2}, "score": None, "search": None,
    "relax_inserted": None, "relax_all": None,
})
plan = plan_stages(settings)
assert list(plan) == ["sample", "nudge"], plan
restoration = restore("host.cif", add="H:2", settings=settings)
made = [record["stage"] for record in restoration.samples.history]
assert made.index("sample") < made.index("nudge"), made

samples = run_stage("sample", add_sites(read_hosts("host.cif"), "H:2"), plan["sample"]).structures
moved = run_stage("nudge", samples, plan["nudge"]).structures
shifts = (moved.cart_coords - samples.cart_coords)[samples.inserted]
np.testing.assert_allclose(np.linalg.norm(shifts, axis=1), 0.1)
assert (moved.frac_coords == samples.frac_coords)[~samples.inserted].all()

identity = {"version": __version__}
job = run_stage_job(samples, "nudge", plan["nudge"].model_dump(mode="json"), identity)
assert job["structures"].frac_coords.tolist() == moved.frac_coords.tolist()

sys.path.insert(0, DOCS)
from recipe_table import format_recipe
assert "- - `nudge`" in format_recipe()
"""

AIIDA = """
from types import SimpleNamespace
from aiida import load_profile
load_profile()
from aiida_hpaint.cli.restore.request import load_settings, read_request
from aiida_hpaint.publication import archive
from aiida_hpaint.science.structures import add_sites, read_hosts
from aiida_hpaint.workflows.restore.build import (
    build_restore, make_relaxation_inputs, make_stage_plan
)
from aiida_hpaint.workflows.restore.progress import list_stage_states, read_planned

settings = load_settings(read_request(["host.cif"], {"protocol": "fast", "set_": (
    "sampling.generator=random", "sampling.samples=1", "score=null", "relax_inserted=null",
    "relax_all.max_steps=0", "nudge.distance=0.2",
)}))
plan = make_stage_plan(settings)
assert plan["nudge"]["settings"].get_dict() == {"distance": 0.2, "seed": 0}
off = {"score": None, "search": None, "relax_all": None}
alone = make_stage_plan(settings.model_copy(update=off))
try:
    make_relaxation_inputs(alone, None)
except ValueError as error:
    assert "all relaxations are off" in str(error)
else:
    raise AssertionError("a stage that relaxes nothing has no potential to borrow")
assert "nudge" in archive._PYTHON

here = {"environment_variables": {"PYTHONPATH": COPY}}
graph = build_restore(
    add_sites(read_hosts("host.cif"), "H:2"), settings=settings,
    options={"sample": here, "relax": here},
)
graph.run()
node = graph.process
assert read_planned(node).stages == ["sample", "nudge", "relax_all"]
assert [state.stage for state in list_stage_states(node)] == ["sample", "nudge", "relax_all"]
history = [record["stage"] for record in node.outputs.samples.batch.history]
assert history.index("sample") < history.index("nudge") < history.index("relax_all"), history
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with the edits of the page, and a host beside it."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        ROOT / "aiida_hpaint",
        folder / "aiida_hpaint",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copy(ROOT / "examples" / "hosts" / "brucite.cif", folder / "host.cif")
    settings, field, function, entry, protocol = (block.body for block in EDITS)
    science = folder / "aiida_hpaint" / "science"
    whole = science / "settings" / "restoration.py"
    insert(whole, f"{settings}\n\n", before="class RestorationSettings(")
    insert(whole, field, before="    validation: ValidationSettings | None")
    insert(whole.with_name("__init__.py"), f"    {NAMES},\n", before="    RestorationSettings,\n")
    insert(science / "stages.py", f"    {NAMES},\n", before="    PotentialSettings,\n")
    with (science / "stages.py").open("a", encoding="utf-8") as file:
        file.write(f"\n\n{function}")
    insert(science / "recipe.py", f"    {NAMES},\n", before="    RelaxationSettings,\n")
    insert(science / "recipe.py", "    nudge_samples,\n", before="    relax_samples,\n")
    insert(science / "recipe.py", entry, before='    Stage(\n        name="score"')
    insert(
        science / "protocols" / "restore.yaml",
        protocol,
        before="      score: {max_steps: 5, screen: 0.5}",
        count=2,
    )
    return folder


def insert(path: Path, text: str, before: str, count: int = 1) -> None:
    """Insert text before the first of `count` occurrences of another one."""
    found = path.read_text("utf-8")
    assert found.count(before) == count, f"{before!r} in {path}"
    path.write_text(found.replace(before, text + before, 1), "utf-8")


def run(code: str, copy: Path) -> None:
    """Run code with the copy of the package."""
    head = f"import aiida_hpaint\nCOPY = {str(copy)!r}\nDOCS = {str(ROOT / 'docs' / '_ext')!r}\n"
    head += "assert aiida_hpaint.__file__.startswith(COPY)\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_page_names_four_files() -> None:
    assert len({block.file for block in EDITS}) == 4


def test_plain_python_jobs_and_documentation_know_the_stage(copy: Path) -> None:
    run(PLAIN, copy)


@pytest.mark.slow
def test_workflows_run_the_stage(copy: Path, profile: Any) -> None:
    run(AIIDA, copy)
