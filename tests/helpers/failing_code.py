"""A restoration whose code runs no Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["BRUCITE", "QUICK", "fail_to_restore", "make_false_code"]

QUICK: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 1, "device": "cpu"},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,
    "score": None,
    "search": None,
    "relax_inserted": None,
    "relax_all": None,
}
"""Settings of a restoration that only samples, at random."""

BRUCITE = Path(__file__).parents[2] / "examples" / "hosts" / "brucite.cif"


def make_false_code() -> Any:
    """The code /usr/bin/false, whose jobs end without a result."""
    from aiida.orm import InstalledCode, QueryBuilder, load_computer

    found = QueryBuilder().append(InstalledCode, filters={"label": "false"}).first(flat=True)
    if found is None:
        computer = load_computer("localhost")
        found = InstalledCode(
            label="false", computer=computer, filepath_executable="/usr/bin/false"
        ).store()
    return found


def fail_to_restore() -> Any:
    """The process of a restoration whose jobs ended without a result."""
    from aiida_hpaint.workflows.restore.build import build_restore

    graph = build_restore(BRUCITE, add="H:2", overrides=QUICK, code=make_false_code())
    graph.run()
    return graph.process
