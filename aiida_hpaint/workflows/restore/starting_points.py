"""StartingPointsWorkChain: samples of one host at the maxima of its potential."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, ToContext, if_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import AbstractCode, Dict, Float, Int, Str, StructureData

from aiida_hpaint.calculations.starting_points import strip_inserted_sites, take_starting_points
from aiida_hpaint.calculations.symmetrise import symmetrise_structure
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.settings import RestoreHydrogenSettings
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.workflows.dft.inputs import make_base_inputs, remove_structure
from aiida_hpaint.workflows.dft.results import find_failure
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain
from aiida_hpaint.workflows.engine.verdict import declare_part_codes, find_part_code
from aiida_hpaint.workflows.restore_hydrogen.builder import (
    derive_density_settings,
    make_potential_inputs,
)
from aiida_hpaint.workflows.restore_hydrogen.peaks import PotentialPeaksWorkChain

__all__ = ["StartingPointsWorkChain"]


class StartingPointsWorkChain(CrashSafeWorkChain):
    """Place the sites to insert of one host at maxima of its electrostatic potential.

    If DFT fails, the host has one failed sample, and the `report` says why. A DurableEngine goes
    on, so that a failed calculation does not end those of other hosts.
    """

    has_results_if_failed = True

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("host", valid_type=StructureBatchData, help="one host with the sites to insert")
        spec.input("settings", valid_type=Dict, help="`RestoreHydrogenSettings`")
        spec.input("pw", valid_type=AbstractCode, help="pw.x")
        spec.input("pp", valid_type=AbstractCode, help="pp.x")
        spec.input("options", valid_type=Dict, required=False, help="metadata.options of the jobs")
        spec.output(
            "starting_points", valid_type=StructureBatchData, help="see `join_starting_points`"
        )
        spec.output(
            "report", valid_type=Dict, help="status, number of sites and starting points, message"
        )
        declare_part_codes(spec)
        # aiida-core types the outline for WorkChain itself, not for its subclasses.
        here: Any = cls
        spec.outline(here.start, if_(here.is_ready)(here.find), here.finish)

    def start(self) -> None:
        """Prepare the inputs; invalid ones make this host fail."""
        self.ctx.message = ""
        settings = RestoreHydrogenSettings.model_validate(self.inputs.settings.get_dict())
        structure = strip_inserted_sites(self.inputs.host)
        if settings.dft.symmetrise is not None:
            structure = symmetrise_structure(structure, Float(settings.dft.symmetrise))
        try:
            self.ctx.search = self._search(structure, settings)
        except ValueError as error:
            self.ctx.message = str(error)

    def is_ready(self) -> bool:
        """Return whether the inputs are valid."""
        return not self.ctx.message

    def find(self) -> Any:
        """Submit the search for maxima."""
        return ToContext(peaks=self.submit(PotentialPeaksWorkChain, **self.ctx.search))

    def finish(self) -> ExitCode | None:
        """Attach the outputs, and return an exit code if DFT failed."""
        found: dict[str, Any] = {}
        sites = 0
        if self.is_ready():
            peaks = self.ctx.peaks
            if peaks.is_finished_ok:
                found = {"arrangements": peaks.outputs.arrangements}
                sites = len(peaks.outputs.sites.get_array("energies"))
            else:
                self.ctx.message = find_failure(peaks)[1]
        starting_points = take_starting_points(self.inputs.host, Str(self.ctx.message), **found)
        if not found:
            self.report(self.ctx.message)
        report = {
            "status": "finished" if found else "failed",
            "sites": sites,
            "starting_points": len(starting_points) if found else 0,
            "message": self.ctx.message,
        }
        self.out("starting_points", starting_points)
        self.out("report", Dict(report).store())
        code: ExitCode | None = find_part_code(
            self.exit_codes, str(report["status"]), self.ctx.message
        )
        return code

    def _search(
        self, structure: StructureData, settings: RestoreHydrogenSettings
    ) -> dict[str, Any]:
        options = self.inputs.options.get_dict() if "options" in self.inputs else None
        scf = make_base_inputs(
            self.inputs.pw, structure, derive_density_settings(settings), options=options
        )
        batch = self.inputs.host.batch
        return {
            "structure": structure,
            "count": Int(int(batch.insert_counts[0])),
            "element": Str(get_symbol(int(batch.numbers[batch.inserted][0]))),
            "scf": remove_structure(scf),
            **make_potential_inputs(self.inputs.pp, settings, options),
            "metadata": {"call_link_label": "peaks"},
        }
