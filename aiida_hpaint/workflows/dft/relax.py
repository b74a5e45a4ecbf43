"""DftRelaxWorkChain: one structure relaxed by Quantum ESPRESSO, which always ends with a report."""

from __future__ import annotations

from typing import Any

from aiida.engine import ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import AbstractCode, Bool, Dict, Float, List, StructureData
from aiida_quantumespresso.workflows.pw.relax import PwRelaxWorkChain

from aiida_hpaint.calculations.symmetrise import symmetrise_structure
from aiida_hpaint.science.settings import DftSettings
from aiida_hpaint.workflows.dft.inputs import base_inputs, without_structure
from aiida_hpaint.workflows.dft.reading import CONVERGED, FAILED, read_relaxation
from aiida_hpaint.workflows.engine.resubmission import AdoptingWorkChain

__all__ = ["DftRelaxWorkChain"]


class DftRelaxWorkChain(AdoptingWorkChain):
    """Relax the positions of one structure in its fixed cell, through PwRelaxWorkChain.

    A structure that DFT cannot deal with must not take others with it, so this work chain finishes
    with exit status 0 whatever pw.x does; the `report` says what came of it. Walltimes, scf
    cycles that do not converge and relaxations that need more steps are PwBaseWorkChain's, which
    restarts where a restart makes sense.
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
        spec.input("fixed", valid_type=List, required=False, help="one truth value a site")
        spec.output("structure", valid_type=StructureData, required=False, help="the last one")
        spec.output("parameters", valid_type=Dict, required=False, help="of the last pw.x job")
        spec.output("report", valid_type=Dict, help="status, energy, costs; see `Relaxation`")
        # The outline of aiida-core is typed for WorkChain itself, not for what derives from it.
        here: Any = cls
        spec.outline(here.start, here.relax, here.finish)

    def start(self) -> None:
        """Nothing has run yet."""
        self.ctx.message = ""

    def relax(self) -> Any:
        """Submit the relaxation; what is wrong with its inputs fails this structure alone."""
        try:
            inputs = self._relaxation()
            return ToContext(child=self.submit(PwRelaxWorkChain, **inputs))
        except Exception as error:  # whatever it is, the other structures go on
            known = isinstance(error, ValueError)
            self.ctx.message = str(error) if known else f"{type(error).__name__}: {error}"
            self.report(self.ctx.message)
            return None

    def finish(self) -> None:
        """Attach what there is."""
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

    def _relaxation(self) -> dict[str, Any]:
        settings = DftSettings.model_validate(self.inputs.settings.get_dict())
        structure = self.inputs.structure
        # Sites that are fixed have to stay where they are, bit for bit.
        if settings.symmetrise is not None and "fixed" not in self.inputs:
            structure = symmetrise_structure(structure, Float(settings.symmetrise))
        return {
            "structure": structure,
            "base_relax": without_structure(self._base_inputs(structure, settings)),
            "meta_convergence": Bool(False),
            "metadata": {"call_link_label": "relax"},
        }

    def _base_inputs(self, structure: StructureData, settings: DftSettings) -> dict[str, Any]:
        options = self.inputs.options.get_dict() if "options" in self.inputs else None
        return base_inputs(
            self.inputs.code,
            structure,
            settings,
            calculation="relax",
            options=options,
            charge=self.inputs.charge.value if "charge" in self.inputs else 0.0,
            fixed=self.inputs.fixed.get_list() if "fixed" in self.inputs else None,
        )
