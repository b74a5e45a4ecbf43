"""A restoration through the daemon of which one chunk of two succeeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from processes import finished

from aiida_hpaint.science.structures import add_sites, read_hosts

BRUCITE = Path(__file__).parents[2] / "examples" / "hosts" / "brucite.cif"
LABELS = ("mp-626151.a b", "poison")
"""One that would be no port name, and one that its job looks for."""

QUICK: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 2, "device": "cpu"},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,  # relaxations end early
    "score": None,
    "search": None,
    "potential": {"device": "cpu"},
    "relax_inserted": {"max_steps": 2},
    "relax_all": {"max_steps": 1},
    "keep": 1,
}


def restore_half() -> Any:
    """Return the process when it has ended."""
    from aiida_hpaint.workflows.restore.build import build_restore

    hosts = replace(add_sites(read_hosts(BRUCITE), "H:2")[[0, 0]], labels=LABELS)
    dies = {"sample": {"prepend_text": "grep -q poison inputs.pickle && kill -9 $$"}}
    graph = build_restore(hosts, overrides=QUICK, options=dies, chunk_sites=5, name="half of it")
    graph.submit()
    return finished(graph.process, 1200, 410)
