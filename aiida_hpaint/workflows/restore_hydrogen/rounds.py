"""What a round of RestoreHydrogenWorkChain came to, as JSON."""

from __future__ import annotations

from typing import Any

from aiida.orm import CalcJobNode, ProcessNode, WorkflowNode
from aiida_quantumespresso.calculations.pw import PwCalculation

from aiida_hpaint.workflows.dft.reading import Relaxation, costs, last_words

__all__ = ["arrangement_record", "cost_of", "failure_of", "peaks_record"]


def peaks_record(node: ProcessNode) -> dict[str, Any]:
    """What the potential offered: sites, those left out, how many were placed."""
    sites = node.outputs.sites
    record = {
        "process": node.uuid,
        "missing": node.inputs.count.value,
        "sites": len(sites.get_array("energies")),
        "left_out": sites.base.attributes.get("dropped"),
    }
    if "arrangements" not in node.outputs:
        return {**record, "placed": 0, "arrangements": []}
    batch = node.outputs.arrangements.batch
    exact = bool(batch.scalars["exact"].all())
    return {**record, "placed": int(batch.insert_counts[0]), "exact": exact, "arrangements": []}


def arrangement_record(node: ProcessNode, relaxation: Relaxation, pinball: float) -> dict[str, Any]:
    """What became of one arrangement: see `Relaxation.report`."""
    return {"process": node.uuid, "energy_pinball": pinball, **relaxation.report}


def failure_of(node: ProcessNode) -> str:
    """Why a process ended badly, in a sentence that names the one that failed first."""
    return last_words(node)[1]


def cost_of(node: WorkflowNode) -> dict[str, Any]:
    """Jobs, self-consistent iterations and seconds of Quantum ESPRESSO below a process."""
    jobs = [job for job in node.called_descendants if isinstance(job, CalcJobNode)]
    return {**costs(jobs), "pw_jobs": sum(job.process_class is PwCalculation for job in jobs)}
