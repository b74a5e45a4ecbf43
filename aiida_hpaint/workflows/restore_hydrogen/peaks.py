"""PotentialPeaksWorkChain: what the electrostatic potential of a host says about what it lacks."""

from __future__ import annotations

from typing import Any

from aiida.common import AttributeDict
from aiida.engine import ExitCode
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import ArrayData, Dict, Int, ProcessNode, Str, StructureData
from aiida_quantumespresso.calculations.pp import PpCalculation
from aiida_quantumespresso.workflows.pw.base import PwBaseWorkChain

from aiida_hpaint.calculations.peaks import arrange_sites, find_peaks
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine.resubmission import AdoptingWorkChain
from aiida_hpaint.workflows.restore_hydrogen.rounds import failure_of
from aiida_hpaint.workflows.restore_hydrogen.species import adapted

__all__ = ["PotentialPeaksWorkChain"]


class PotentialPeaksWorkChain(AdoptingWorkChain):
    """Fill the maxima of the electrostatic potential of a host with what is missing.

    pw.x gets the electrons of the missing sites too (`tot_charge` is minus their number), pp.x
    the bare and Hartree potential (`plot_num` 11); its maxima are where an electron is worst and
    a proton best off. Where there are more of them than are needed, the pinball model chooses.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("structure", valid_type=StructureData, help="the host, with what it has")
        spec.input("count", valid_type=Int, help="sites that are missing")
        spec.input("element", valid_type=Str, default=lambda: Str("H"), help="of missing sites")
        spec.input("peaks", valid_type=Dict, help="PeaksSettings")
        spec.input("pinball", valid_type=Dict, help="PinballSettings")
        spec.expose_inputs(
            PwBaseWorkChain,
            namespace="scf",
            exclude=("clean_workdir", "pw.structure", "pw.parent_folder"),
        )
        spec.expose_inputs(PpCalculation, namespace="pp", exclude=("parent_folder",))
        spec.output("sites", valid_type=ArrayData, required=False, help="see `find_peaks`")
        spec.output(
            "arrangements", valid_type=StructureBatchData, required=False, help="lowest first"
        )
        spec.exit_code(401, "ERROR_SCF_FAILED", message="pw.x failed for the host: {message}")
        spec.exit_code(402, "ERROR_POTENTIAL_FAILED", message="pp.x failed: {message}")
        spec.exit_code(
            403, "ERROR_NO_MAXIMA", message="No maximum of the potential can hold a site: {dropped}"
        )
        here: Any = cls
        spec.outline(here.run_scf, here.run_pp, here.find)

    def run_scf(self) -> None:
        """Converge the density of the host, with the electrons of what is missing."""
        inputs = AttributeDict(self.exposed_inputs(PwBaseWorkChain, namespace="scf"))
        structure = self.inputs.structure
        inputs = adapted(inputs, structure, charge=-float(self.inputs.count.value))
        inputs.pw.structure = structure
        inputs.setdefault("metadata", {})["call_link_label"] = "scf"
        self.to_context(scf=self.submit(PwBaseWorkChain, **inputs))

    def run_pp(self) -> ExitCode | None:
        """Have pp.x write the potential."""
        if not self.ctx.scf.is_finished_ok:
            return self._failed("ERROR_SCF_FAILED", self.ctx.scf)
        inputs = AttributeDict(self.exposed_inputs(PpCalculation, namespace="pp"))
        inputs.parent_folder = self.ctx.scf.outputs.remote_folder
        inputs.metadata.call_link_label = "potential"
        self.to_context(pp=self.submit(PpCalculation, **inputs))
        return None

    def find(self) -> ExitCode | None:
        """Find the maxima, and choose among them."""
        if not self.ctx.pp.is_finished_ok:
            return self._failed("ERROR_POTENTIAL_FAILED", self.ctx.pp)
        structure, inputs = self.inputs.structure, self.inputs
        sites = find_peaks(structure, self.ctx.pp.outputs.output_data, inputs.peaks)["sites"]
        self.out("sites", sites)
        found, dropped = len(sites.get_array("energies")), sites.base.attributes.get("dropped")
        self.report(f"{found} sites, left out: {_listed(dropped)}")
        if not found:
            code: ExitCode = self.exit_codes.ERROR_NO_MAXIMA
            return code.format(dropped=_listed(dropped))
        made = arrange_sites(structure, sites, inputs.count, inputs.element, inputs.pinball)
        self.out("arrangements", made["arrangements"])
        return None

    def _failed(self, name: str, node: ProcessNode) -> ExitCode:
        message = failure_of(node)
        self.report(message)
        code: ExitCode = self.exit_codes[name]
        return code.format(message=message)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items() if count) or "none"
