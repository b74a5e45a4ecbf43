"""The blocks of the page on own models and potentials run, and the models are those of the page."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_blocks import install_package, read_blocks

ROOT = Path(__file__).parents[2]
BLOCKS = read_blocks(ROOT / "docs" / "how-to" / "own-model.md")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "stage", "name"),
    [
        ("An ASE calculator", "relax_all", "lennardjones"),
        ("A score network in PyTorch", "sample", "own-network"),
    ],
)
def test_the_model_of_the_reader_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, stage: str, name: str
) -> None:
    install_package(BLOCKS, tmp_path)
    shutil.copy(ROOT / "examples" / "hosts" / "brucite.cif", tmp_path / "host.cif")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        if block.section == section and block.language == "python" and block.file is None:
            exec(block.text, names)
    samples = names["restoration"].samples
    assert np.isfinite(samples.scalars["energy"]).any()
    [record] = [record for record in samples.history if record["stage"] == stage]
    assert record["model"]["name"] == name
    for module in [one for one in sys.modules if one.partition(".")[0] == "my_package"]:
        del sys.modules[module]
