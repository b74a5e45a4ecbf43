"""Python of the pages: every name is known, and what needs no AiiDA and no cluster runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from aiida_hpaint.science import protocols, restoration
from aiida_hpaint.science.structures import read_hosts, write_cif

ROOT = Path(__file__).parents[2]
PAGES = {
    page.relative_to(ROOT).as_posix(): page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in page.parts
}

READERS = {
    "docs/concepts/pinball.md": {"sites", "cell"},
    "docs/how-to/aiida.md": {"PK", "make_host", "my_analysis", "relax_builder", "samples"},
    "docs/how-to/dft.md": {"samples", "references"},
    "docs/how-to/queries.md": {"STRUCTURE", "SHA256"},
}
"""Names that readers bring along, by page."""

RUN = {
    "README.md",
    "docs/concepts/inpainting.md",
    "docs/getting-started.md",
    "docs/how-to/hosts.md",
    "docs/how-to/powder.md",
    "docs/how-to/python.md",
    "docs/how-to/reports.md",
    "docs/how-to/trajectories.md",
}
"""Pages whose blocks run here. `test_extend`, `test_stage`, the cookbook of queries and the
tutorials run others; what is left submits to clusters, or needs Quantum ESPRESSO."""


def read_python(page: Path) -> list[str]:
    found = re.findall(r"^( *)```python\n(.*?)^\1```$", page.read_text("utf-8"), re.M | re.S)
    return [re.sub(f"^{indent}", "", text, flags=re.M) for indent, text in found]


def test_every_name_in_a_page_is_known(tmp_path: Path) -> None:
    for name, page in PAGES.items():
        blocks = read_python(page)
        # Fragments of files that another test puts together.
        whole = [block for block in blocks if not re.match(r"# \S+\.py", block)]
        defined = "".join(f"{one} = None\n" for one in sorted(READERS.get(name, ())))
        text = defined + "\n".join(map(textwrap.dedent, whole))
        (tmp_path / f"{page.parent.name}_{page.stem.replace('-', '_')}.py").write_text(
            text, "utf-8"
        )
    command = ["ruff", "check", "--isolated", "--select", "F821", "--output-format", "concise"]
    done = subprocess.run(
        [sys.executable, "-m", *command, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that pages name, and protocols that take a second."""
    host = read_hosts(ROOT / "examples" / "hosts" / "magnesium_hydride.cif")
    write_cif(host, tmp_path / "host.cif")
    shutil.copy(ROOT / "examples" / "hosts" / "brucite.cif", tmp_path / "brucite.cif")
    shutil.copy(ROOT / "examples" / "references" / "brucite.cif", tmp_path / "complete.cif")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "restored").symlink_to(tmp_path)  # where commands write
    monkeypatch.chdir(tmp_path)
    load = protocols.load_protocol

    def load_quick(name: str = "balanced", overrides: Any = None) -> Any:
        load(name, overrides)  # refuses what there is not
        return load("fast", {"sampling": {"samples": 3}, "search": None})

    for module in (protocols, restoration):
        monkeypatch.setattr(module, "load_protocol", load_quick)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", sorted(RUN))
def test_pages_without_aiida_run(name: str) -> None:
    names: dict[str, Any] = {}
    for block in read_python(PAGES[name]):
        if "aiida import" not in block:
            exec(compile(textwrap.dedent(block), name, "exec"), names)
