"""A restoration on a cluster in which the job of each host but one has a different fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cluster import PYTHON, ROOT, Cluster

from aiida_hpaint.science.structures import StructureBatch, add_sites, read_hosts

HOST = add_sites(read_hosts(ROOT / "examples" / "hosts" / "brucite.cif"), "H:2")
QUICK: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 2, "device": "cpu"},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,  # relaxations end early
    "score": None,
    "search": None,
    "potential": {"device": "cpu"},
    "relax_inserted": {"max_steps": 2, "give_up_above": None},
    "relax_all": {"max_steps": 0},
    "keep": 1,
}
TRANSIENT = ("cancelled", "greedy", "truncated", "late")
"""Faults that occur once: a second job finishes the host."""

LASTING = ("narrow", "full")
"""Faults that every job of the host meets."""

_BEFORE = """
is() { grep -q "fault-$1" inputs.pickle; }
first() { mkdir "MARKS/$1" 2>/dev/null; }
if is cancelled && first cancelled; then scancel "$SLURM_JOB_ID"; sleep 30; fi
if is greedy && first greedy; then
  PYTHON -c "import time; x = b'x' * (1500 << 20); time.sleep(60)"; kill -9 $$
fi
if is narrow; then ulimit -v 80000; fi
if is full; then ln -s DISK/results.pickle results.pickle; fi
if is late && first late; then
  # Slurm counts walltimes in minutes, and jobs of a busy machine may need more than one.
  scontrol update JobId="$SLURM_JOB_ID" TimeLimit=1
  sleep 300
fi
"""
_AFTER = """
if is truncated && first truncated; then truncate -s 100 results.pickle; fi
"""


def submit_faulty(cluster: Cluster, code: Any) -> Any:
    """Submit a restoration in which the sampling of each host meets the fault in its label."""
    labels = ("unharmed", *(f"fault-{name}" for name in (*TRANSIENT, *LASTING)))
    places = {"MARKS": cluster.marks, "DISK": cluster.disk, "PYTHON": PYTHON}
    before = _BEFORE
    for name, path in places.items():
        before = before.replace(name, str(path))
    sample = {
        "prepend_text": before,
        "append_text": _AFTER,
        "max_wallclock_seconds": 900,
        "max_memory_kb": 1000 * 1024,
    }
    return submit(replace(HOST[[0] * len(labels)], labels=labels), code, {"sample": sample})


def submit(hosts: StructureBatch, code: Any, options: dict[str, Any]) -> Any:
    """Submit a restoration with one chunk for each host."""
    from aiida_hpaint.workflows.restore.build import build_restore

    graph = build_restore(hosts, overrides=QUICK, code=code, options=options, chunk_sites=5)
    graph.submit()
    return graph.process


def submit_endless(code: Any) -> Any:
    """Submit a relaxation that no job can finish within its walltime."""
    from aiida.engine import submit as submit_process
    from aiida.orm import Dict, Int, Str

    from aiida_hpaint import __version__
    from aiida_hpaint.calculations.jobs import run_stage_job
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    identity = {"version": __version__}
    samples = run_stage_job(HOST, "sample", {"generator": "random", "samples": 1}, identity)[
        "structures"
    ]
    assert isinstance(samples, StructureBatch)
    relaxation = {"fmax": 1e-9, "max_steps": 100_000, "give_up_above": None}
    return submit_process(
        StageWorkChain,
        stage=Str("relax_inserted"),
        structures=StructureBatchData(samples),
        settings=Dict({"relaxation": relaxation, "potential": {"device": "cpu"}}),
        identity=Dict(identity),
        code=code,
        options=Dict({"max_wallclock_seconds": 90, "resources": {"num_machines": 1}}),
        max_jobs=Int(2),
    )
