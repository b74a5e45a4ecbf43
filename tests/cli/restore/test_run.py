from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiida_hpaint.cli.restore.run import count_chunks


def state(stage: str, chunk: str, is_over: bool) -> Any:
    return SimpleNamespace(stage=stage, chunk=chunk, is_over=is_over)


def test_a_chunk_counts_once_however_often_it_was_begun() -> None:
    states = [
        state("sample", "chunk_0000", True),
        state("sample", "chunk_0000", True),
        state("sample", "chunk_0001", False),
        state("relax_inserted", "chunk_0000", False),
    ]
    assert count_chunks(states) == {"sample": (1, 2), "relax_inserted": (0, 1)}
    assert count_chunks([]) == {}
