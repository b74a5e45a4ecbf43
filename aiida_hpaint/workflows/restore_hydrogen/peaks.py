"""PotentialPeaksWorkChain: sites for missing atoms at maxima of the electrostatic potential."""

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
from aiida_hpaint.workflows.dft.inputs import restrict_to_structure
from aiida_hpaint.workflows.dft.results import find_failure
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain

__all__ = ["PotentialPeaksWorkChain"]


class PotentialPeaksWorkChain(CrashSafeWorkChain):
    """Place missing atoms at maxima of the electrostatic potential of a host.

    pw.x calculates the density of the host with the electrons of the missing atoms (`tot_charge`
    is minus their number), and pp.x its bare and Hartree potential (`plot_num` 11). A maximum of
    an electron's energy is a minimum of that of a proton. If there are more maxima than missing
    atoms, the pinball model selects among them.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("structure", valid_type=StructureData, help="host without the missing atoms")
        spec.input("count", valid_type=Int, help="number of missing atoms")
        spec.input(
            "element", valid_type=Str, default=lambda: Str("H"), help="element of the missing atoms"
        )
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
            "arrangements", valid_type=StructureBatchData, required=False, help="the lowest first"
        )
        spec.exit_code(401, "ERROR_SCF_FAILED", message="pw.x failed for the host: {message}")
        spec.exit_code(402, "ERROR_POTENTIAL_FAILED", message="pp.x failed: {message}")
        spec.exit_code(
            403, "ERROR_NO_MAXIMA", message="No maximum of the potential can hold a site: {dropped}"
        )
        here: Any = cls
        spec.outline(here.run_scf, here.run_pp, here.find_sites)

    def run_scf(self) -> None:
        """Submit pw.x for the density of the host with the electrons of the missing atoms."""
        inputs = AttributeDict(self.exposed_inputs(PwBaseWorkChain, namespace="scf"))
        structure = self.inputs.structure
        inputs = restrict_to_structure(inputs, structure, charge=-float(self.inputs.count.value))
        inputs.pw.structure = structure
        inputs.setdefault("metadata", {})["call_link_label"] = "scf"
        self.to_context(scf=self.submit(PwBaseWorkChain, **inputs))

    def run_pp(self) -> ExitCode | None:
        """Submit pp.x for the potential."""
        if not self.ctx.scf.is_finished_ok:
            return self._failed("ERROR_SCF_FAILED", self.ctx.scf)
        inputs = AttributeDict(self.exposed_inputs(PpCalculation, namespace="pp"))
        inputs.parent_folder = self.ctx.scf.outputs.remote_folder
        inputs.metadata.call_link_label = "potential"
        self.to_context(pp=self.submit(PpCalculation, **inputs))
        return None

    def find_sites(self) -> ExitCode | None:
        """Find the maxima, and select among them."""
        if not self.ctx.pp.is_finished_ok:
            return self._failed("ERROR_POTENTIAL_FAILED", self.ctx.pp)
        structure, inputs = self.inputs.structure, self.inputs
        sites = find_peaks(structure, self.ctx.pp.outputs.output_data, inputs.peaks)["sites"]
        self.out("sites", sites)
        found, dropped = len(sites.get_array("energies")), sites.base.attributes.get("dropped")
        self.report(f"{found} sites, left out: {_format_counts(dropped)}")
        if not found:
            code: ExitCode = self.exit_codes.ERROR_NO_MAXIMA
            return code.format(dropped=_format_counts(dropped))
        made = arrange_sites(structure, sites, inputs.count, inputs.element, inputs.pinball)
        self.out("arrangements", made["arrangements"])
        return None

    def _failed(self, name: str, node: ProcessNode) -> ExitCode:
        message = find_failure(node)[1]
        self.report(message)
        code: ExitCode = self.exit_codes[name]
        return code.format(message=message)


def _format_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items() if count) or "none"
