"""DftRelaxWorkChain: relaxation of one structure by Quantum ESPRESSO."""

from __future__ import annotations

from typing import Any

from aiida.engine import ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import AbstractCode, Bool, Dict, Float, List, StructureData
from aiida_quantumespresso.workflows.pw.relax import PwRelaxWorkChain

from aiida_hpaint.calculations.symmetrise import symmetrise_structure
from aiida_hpaint.science.settings import DftSettings
from aiida_hpaint.workflows.dft.inputs import make_base_inputs, remove_structure
from aiida_hpaint.workflows.dft.results import CONVERGED, FAILED, read_relaxation
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain

__all__ = ["DftRelaxWorkChain"]


class DftRelaxWorkChain(CrashSafeWorkChain):
    """Relax the positions of one structure in its fixed cell, through PwRelaxWorkChain.

    A failed calculation must not end those of other structures, so this work chain finishes with
    exit status 0 even if pw.x fails; the outcome is in the `report`. PwBaseWorkChain handles
    exceeded walltimes, scf cycles that do not converge and relaxations that need more steps.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("structure", valid_type=StructureData)
        spec.input("code", valid_type=AbstractCode, help="pw.x")
        spec.input("settings", valid_type=Dict, help="`DftSettings`")
        spec.input("options", valid_type=Dict, required=False, help="metadata.options of the jobs")
        spec.input("charge", valid_type=Float, required=False, help="`tot_charge` of pw.x, e")
        spec.input("fixed", valid_type=List, required=False, help="True for sites that do not move")
        spec.output("structure", valid_type=StructureData, required=False, help="last positions")
        spec.output(
            "parameters",
            valid_type=Dict,
            required=False,
            help="output parameters of the last pw.x job",
        )
        spec.output("report", valid_type=Dict, help="status, energy, costs; see `Relaxation`")
        # aiida-core types the outline for WorkChain itself, not for its subclasses.
        here: Any = cls
        spec.outline(here.start, here.relax, here.finish)

    def start(self) -> None:
        """Initialise the context."""
        self.ctx.message = ""

    def relax(self) -> Any:
        """Submit the relaxation; invalid inputs make this structure fail."""
        try:
            inputs = self._make_inputs()
            return ToContext(child=self.submit(PwRelaxWorkChain, **inputs))
        except Exception as error:  # an unknown error must not stop other structures either
            known = isinstance(error, ValueError)
            self.ctx.message = str(error) if known else f"{type(error).__name__}: {error}"
            self.report(self.ctx.message)
            return None

    def finish(self) -> None:
        """Attach the outputs."""
        if self.ctx.message:
            self.out("report", Dict({"status": FAILED, "message": self.ctx.message}).store())
            return
        fixed = self.inputs.fixed.get_list() if "fixed" in self.inputs else None
        found = read_relaxation(self.ctx.child, fixed)
        if found.report["status"] != CONVERGED:
            self.report(found.report["message"])
        if found.structure is not None:
            self.out("structure", found.structure)
        if found.parameters is not None:
            self.out("parameters", found.parameters)
        self.out("report", Dict(found.report).store())

    def _make_inputs(self) -> dict[str, Any]:
        settings = DftSettings.model_validate(self.inputs.settings.get_dict())
        structure = self.inputs.structure
        # Symmetrising would move fixed sites.
        if settings.symmetrise is not None and "fixed" not in self.inputs:
            structure = symmetrise_structure(structure, Float(settings.symmetrise))
        base = make_base_inputs(
            self.inputs.code,
            structure,
            settings,
            calculation="relax",
            options=self.inputs.options.get_dict() if "options" in self.inputs else None,
            charge=self.inputs.charge.value if "charge" in self.inputs else 0.0,
            fixed=self.inputs.fixed.get_list() if "fixed" in self.inputs else None,
        )
        return {
            "structure": structure,
            "base_relax": remove_structure(base),
            "meta_convergence": Bool(False),
            "metadata": {"call_link_label": "relax"},
        }
