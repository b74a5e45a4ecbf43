"""DftRelaxWorkChain: relaxation of one structure by Quantum ESPRESSO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida.engine import ExitCode, ProcessBuilder, ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import AbstractCode, Bool, Dict, Float, List, StructureData
from aiida_quantumespresso.workflows.pw.relax import PwRelaxWorkChain

from aiida_hpaint.calculations.symmetrise import symmetrise_structure
from aiida_hpaint.science.protocols.dft import load_dft_protocol
from aiida_hpaint.science.settings import DftSettings
from aiida_hpaint.workflows.dft.codes import find_espresso_code
from aiida_hpaint.workflows.dft.families import pick_family
from aiida_hpaint.workflows.dft.inputs import (
    make_base_inputs,
    make_pw_options,
    remove_structure,
    split_overrides,
)
from aiida_hpaint.workflows.dft.results import CONVERGED, FAILED, read_relaxation
from aiida_hpaint.workflows.engine.options import add_saved_options
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain
from aiida_hpaint.workflows.engine.verdict import declare_part_codes, find_part_code

__all__ = ["DftRelaxWorkChain"]


class DftRelaxWorkChain(CrashSafeWorkChain):
    """Relax the positions of one structure in its fixed cell, through PwRelaxWorkChain.

    The outcome is in the `report` even if pw.x fails. A DurableEngine goes on then, so that a
    failed calculation does not end those of other structures. PwBaseWorkChain handles exceeded
    walltimes, scf cycles that do not converge and relaxations that need more steps.
    """

    has_results_if_failed = True

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("structure", valid_type=StructureData)
        spec.input("code", valid_type=AbstractCode, help="pw.x")
        spec.input("settings", valid_type=Dict, help="`DftSettings`")
        spec.input("options", valid_type=Dict, required=False, help="metadata.options of the jobs")
        spec.input("charge", valid_type=Float, required=False, help="`tot_charge` of pw.x, e")
        spec.input(
            "overrides",
            valid_type=Dict,
            required=False,
            help="overrides of the protocol of PwBaseWorkChain",
        )
        spec.input("fixed", valid_type=List, required=False, help="True for sites that do not move")
        spec.output("structure", valid_type=StructureData, required=False, help="last positions")
        spec.output(
            "parameters",
            valid_type=Dict,
            required=False,
            help="output parameters of the last pw.x job",
        )
        spec.output("report", valid_type=Dict, help="status, energy, costs; see `Relaxation`")
        declare_part_codes(spec)
        # aiida-core types the outline for WorkChain itself, not for its subclasses.
        here: Any = cls
        spec.outline(here.start, here.relax, here.finish)

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: AbstractCode | str | None,
        structure: StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        charge: float = 0,
        fixed: Sequence[bool] | None = None,
    ) -> ProcessBuilder:
        """Return a builder that is ready to be submitted.

        Parameters
        ----------
        code
            Code of pw.x, or its label; None for that of `aiida-hpaint setup dft`.
        protocol
            See `aiida_hpaint.science.protocols.dft.list_dft_protocols`.
        overrides
            Values of `DftSettings`, and under `pw`, `handler_overrides`, ... those of
            PwBaseWorkChain: `{"cutoff_wfc": 40, "pw": {"parameters": {"SYSTEM": {...}}}}`; the
            latter also in the namespace `base`, as in aiida-quantumespresso.
        options
            `metadata.options` of the jobs.
        charge
            `tot_charge` of pw.x, in units of e.
        fixed : (sites,)
            True for sites that do not move.

        Raises
        ------
        ValueError
            If anything is unknown, missing or out of its range.
        """
        given, nested = split_overrides(overrides or {})
        settings = load_dft_protocol(protocol, given)
        pw = find_espresso_code("pw", code)
        jobs = make_pw_options(pw, add_saved_options(pw, options))
        pick_family(settings, structure.get_symbols_set())
        builder = cls.get_builder()
        builder.structure, builder.code = structure, pw
        builder.settings, builder.options = Dict(settings.model_dump(mode="json")), Dict(jobs)
        if nested:
            builder.overrides = Dict(nested)
        if charge:
            builder.charge = Float(charge)
        if fixed is not None:
            builder.fixed = List([bool(value) for value in fixed])
        return builder

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

    def finish(self) -> ExitCode | None:
        """Attach the outputs, and return an exit code if the structure has not converged."""
        if self.ctx.message:
            return self._end({"status": FAILED, "message": self.ctx.message})
        fixed = self.inputs.fixed.get_list() if "fixed" in self.inputs else None
        found = read_relaxation(self.ctx.child, fixed)
        if found.report["status"] != CONVERGED:
            self.report(found.report["message"])
        if found.structure is not None:
            self.out("structure", found.structure)
        if found.parameters is not None:
            self.out("parameters", found.parameters)
        return self._end(found.report)

    def _end(self, report: dict[str, Any]) -> ExitCode | None:
        self.out("report", Dict(report).store())
        code: ExitCode | None = find_part_code(self.exit_codes, report["status"], report["message"])
        return code

    def _make_inputs(self) -> dict[str, Any]:
        settings = DftSettings.model_validate(self.inputs.settings.get_dict())
        structure = self.inputs.structure
        # Symmetrising would move fixed sites.
        if settings.symmetrise is not None and "fixed" not in self.inputs:
            structure = symmetrise_structure(structure, Float(settings.symmetrise))
        nested = self.inputs.overrides.get_dict() if "overrides" in self.inputs else {}
        # PwRelaxWorkChain cleans up for all of its calculations.
        may_clean = nested.pop("clean_workdir", False)
        base = make_base_inputs(
            self.inputs.code,
            structure,
            settings,
            calculation="relax",
            options=self.inputs.options.get_dict() if "options" in self.inputs else None,
            charge=self.inputs.charge.value if "charge" in self.inputs else 0.0,
            fixed=self.inputs.fixed.get_list() if "fixed" in self.inputs else None,
            overrides=nested,
        )
        return {
            "structure": structure,
            "base_relax": remove_structure(base),
            "clean_workdir": Bool(may_clean),
            "meta_convergence": Bool(False),
            "metadata": {"call_link_label": "relax"},
        }
