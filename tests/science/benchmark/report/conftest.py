"""Folders of benchmarks that nobody ran."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from benchmark_rows import make_rows, write_folder

MakeFolder = Callable[..., Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    def make(name: str, skill: float = 0.8, label: str | None = None, **sizes: int) -> Path:
        rows = make_rows(skill, **sizes)
        if label is not None:
            rows[0] = rows[0].model_copy(update={"label": label})
        settings = {"sampling": {"generator": name, "samples": len(rows[0].samples)}}
        return write_folder(tmp_path / name, rows, settings)

    return make
