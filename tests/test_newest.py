"""The scheduled job installs the newest releases of the packages whose private parts are used."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT = (ROOT / ".ci" / "newest").read_text("utf-8")


def test_packages_of_the_script_are_bounded_dependencies() -> None:
    names = re.search(r"^packages=\((.*)\)$", SCRIPT, re.MULTILINE)
    assert names is not None
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for name in names[1].split():
        assert re.search(rf'"{name}[~<>]', project), name
    engine = ROOT / "aiida_hpaint" / "workflows" / "engine"
    imported = "".join((engine / f"upstream{end}.py").read_text("utf-8") for end in ("", "_graphs"))
    used = {root.replace("_", "-") for root in re.findall(r"^\s*from (\w+)", imported, re.M)}
    private = {"aiida-core" if name == "aiida" else name for name in used}
    assert "aiida-workgraph" in private
    ours = {name for name in private if name.startswith(("aiida-", "node-"))} - {"aiida-hpaint"}
    assert ours <= set(names[1].split())


def test_a_scheduled_job_runs_the_script() -> None:
    workflow = (ROOT / ".github" / "workflows" / "newest.yml").read_text("utf-8")
    assert "schedule:" in workflow
    assert "bash .ci/newest" in workflow
    for folder in re.findall(r"tests/[\w/]+", SCRIPT.splitlines()[-1]):
        assert (ROOT / folder).is_dir()
