"""The tutorial that needs Quantum ESPRESSO runs; `make docs` runs the others."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from page_blocks import read_blocks

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
DFT = TUTORIALS / "validate-by-dft.md"


def test_tutorials_run_when_the_documentation_is_built() -> None:
    pages = [page for page in TUTORIALS.glob("*.md") if page != DFT]
    assert len(pages) > 3
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith("---\nfile_format: mystnb\n")
        # A block of another kind would not be run.
        assert set(re.findall(r"^```(.+)", text, re.M)) == {"{code-cell} ipython3"}


@pytest.mark.dft
@pytest.mark.slow
@pytest.mark.usefixtures("daemon", "pw_code", "pp_code", "pseudo_family")
def test_the_tutorial_on_dft_runs(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    blocks = read_blocks(DFT)
    [_, commands] = [block.text for block in blocks if block.language == "console"]
    coarse = (
        " --samples 2 --set validation.dft.kpoints_distance=1 --set validation.dft.cutoff_wfc=30"
    )
    command = commands.strip().removeprefix("$ ") + coarse
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    [files] = [block.text for block in blocks if block.language == "text"]
    for line in files.splitlines():
        assert (tmp_path / line.split()[0]).is_file()
    assert "by DFT, meV/atom" in (tmp_path / "validated" / "report.html").read_text("utf-8")
