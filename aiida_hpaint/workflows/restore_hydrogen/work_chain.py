"""RestoreHydrogenWorkChain: place atoms at maxima of the potential, relax, and repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ToContext, append_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import (
    AbstractCode,
    CalcJobNode,
    Dict,
    Float,
    Int,
    ProcessNode,
    StructureData,
)
from aiida_quantumespresso.calculations.pw import PwCalculation
from aiida_quantumespresso.workflows.pw.relax import PwRelaxWorkChain

from aiida_hpaint.calculations.peaks import take_arrangement
from aiida_hpaint.calculations.restored_by_dft import check_restored
from aiida_hpaint.calculations.symmetrise import symmetrise_structure
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.protocols import choose_settings
from aiida_hpaint.science.settings import RestoreHydrogenSettings
from aiida_hpaint.workflows.dft.inputs import restrict_to_structure
from aiida_hpaint.workflows.dft.results import (
    find_failure,
    read_relaxation,
    sum_costs,
)
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain
from aiida_hpaint.workflows.restore_hydrogen.builder import (
    fill_builder,
    load_hydrogen_settings,
    split_overrides,
)
from aiida_hpaint.workflows.restore_hydrogen.peaks import PotentialPeaksWorkChain

__all__ = ["RestoreHydrogenWorkChain"]

_PEAKS = PotentialPeaksWorkChain.exit_codes


class RestoreHydrogenWorkChain(CrashSafeWorkChain):
    """Restore missing hydrogen by density-functional theory alone.

    The baseline of Reents et al. (arXiv:2601.01959), section IV.5. In each round, the density of
    the host with the electrons of the missing atoms is calculated, atoms are placed at maxima of
    its electrostatic potential, which the pinball model selects if there are too many, and they
    are relaxed with the host fixed. Rounds are repeated until no site is missing, then all
    positions are relaxed. The result is checked as those of other restorations are; what the checks
    found is in the report. If the work chain fails, the structure reached so far is an output.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs, exit codes and outline."""
        super().define(spec)
        spec.expose_inputs(PotentialPeaksWorkChain)
        spec.input(
            "max_rounds", valid_type=Int, default=lambda: Int(5), help="largest number of rounds"
        )
        spec.input(
            "symmetrise",
            valid_type=Float,
            required=False,
            help="symmetrise the host within this tolerance, Å",
        )
        for namespace, purpose in (
            ("relax_inserted", "inserted sites with the host fixed, in each round"),
            ("relax_all", "all sites, at the end"),
        ):
            spec.expose_inputs(
                PwRelaxWorkChain,
                namespace=namespace,
                exclude=("structure", "base_init_relax", "clean_workdir"),
                namespace_options={"help": f"inputs of the relaxation of {purpose}"},
            )
        spec.output(
            "structure",
            valid_type=StructureData,
            help="restored structure, or the last one before a failure",
        )
        spec.output(
            "parameters",
            valid_type=Dict,
            required=False,
            help="output parameters of the last relaxation",
        )
        spec.output("report", valid_type=Dict, help="sites, arrangements and costs of each round")
        spec.output_namespace("arrangements", valid_type=StructureBatchData, dynamic=True)
        for status, name, message in _EXIT_CODES:
            spec.exit_code(status, name, message=message)
        here: Any = cls
        spec.outline(
            here.start,
            while_(here.has_missing)(
                here.find_sites,
                here.relax_inserted,
                here.choose,
            ),
            here.relax_all,
            here.finish,
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        pw_code: AbstractCode | str | None,
        pp_code: AbstractCode | str | None,
        structure: StructureData,
        count: int,
        *,
        element: str = "H",
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        settings: RestoreHydrogenSettings | None = None,
        options: Mapping[str, Any] | None = None,
        charge: float = 0,
    ) -> ProcessBuilder:
        """Return a builder that is ready to be submitted.

        Parameters
        ----------
        pw_code, pp_code
            Codes of pw.x and pp.x, or their labels; None for those of `aiida-hpaint setup dft`.
        structure
            Host without the missing atoms.
        count, element
            Number and element of the missing atoms.
        protocol
            Protocol of DFT; see `aiida_hpaint.science.protocols.dft.list_dft_protocols`.
        overrides
            Values that replace some of the `RestoreHydrogenSettings`, such as
            `{"dft": {"cutoff_wfc": 40}}`; and, as in aiida-quantumespresso, overrides of the
            protocols of the calculations under `scf`, `relax_inserted` and `relax_all`:
            `{"scf": {"pw": {...}}, "relax_all": {"base_relax": {"pw": {...}}}}`.
        settings
            All settings, instead of a protocol with overrides.
        options
            `metadata.options` of all jobs.
        charge
            Charge of the cell of the complete crystal, in units of e.

        Raises
        ------
        ValueError
            If anything is unknown, missing or out of its range; the message says what.
        """
        given, nested = split_overrides(overrides or {})
        settings = choose_settings(settings, load_hydrogen_settings, protocol, given)
        builder = cls.get_builder()
        fill_builder(
            builder,
            (pw_code, pp_code),
            structure,
            (element, count),
            settings,
            options,
            charge,
            nested,
        )
        return builder

    def start(self) -> None:
        """Initialise the context, and symmetrise the host if asked to."""
        self.ctx.structure = self.inputs.structure
        if "symmetrise" in self.inputs:
            self.ctx.structure = symmetrise_structure(self.inputs.structure, self.inputs.symmetrise)
        self.ctx.missing = self.inputs.count.value
        self.ctx.rounds = []

    def has_missing(self) -> bool:
        """Return whether another round follows."""
        return bool(self.ctx.missing > 0)

    def find_sites(self) -> Any:
        """Submit the search for maxima of the potential of the present structure."""
        if len(self.ctx.rounds) >= self.inputs.max_rounds.value:
            return self._fail("ERROR_ROUND_LIMIT", missing=self.ctx.missing)
        inputs = AttributeDict(self.exposed_inputs(PotentialPeaksWorkChain))
        inputs.structure = self.ctx.structure
        inputs.count = Int(self.ctx.missing)
        inputs.metadata = {"call_link_label": f"peaks_{len(self.ctx.rounds) + 1}"}
        return ToContext(peaks=self.submit(PotentialPeaksWorkChain, **inputs))

    def relax_inserted(self) -> ExitCode | None:
        """Relax each arrangement with the host fixed."""
        peaks = self.ctx.peaks
        if "sites" in peaks.outputs:
            self.ctx.rounds.append(_describe_peaks(peaks))
        if not peaks.is_finished_ok:
            return self._fail_without_sites(peaks)
        number = len(self.ctx.rounds)
        arrangements = peaks.outputs.arrangements
        self.out(f"arrangements.round_{number}", arrangements)
        self.ctx.relaxations = []
        for row in range(len(arrangements)):
            structure = take_arrangement(arrangements, Int(row))
            label = f"round_{number}_arrangement_{row}"
            self.to_context(relaxations=append_(self._relax(structure, label)))
        return None

    def choose(self) -> ExitCode | None:
        """Continue with the arrangement that has the lowest energy."""
        record = self.ctx.rounds[-1]
        fixed = self._fixed(self.ctx.relaxations[0].inputs.structure)
        found = [read_relaxation(node, fixed) for node in self.ctx.relaxations]
        pinball = self.ctx.peaks.outputs.arrangements.batch.scalars["energy_pinball"].tolist()
        record["arrangements"] = [
            {"process": node.uuid, "energy_pinball": energy, **one.report}
            for node, one, energy in zip(self.ctx.relaxations, found, pinball, strict=True)
        ]
        # A relaxation that ran out of steps can be continued, too.
        usable = [
            one
            for one in found
            if one.structure is not None and one.report.get("energy") is not None
        ]
        if not usable:
            message = found[0].report["message"]
            return self._fail("ERROR_RELAXATION_FAILED", message=message)
        best = min(usable, key=lambda one: one.report["energy"])
        record["chosen"] = found.index(best)
        self.ctx.structure = best.structure
        self.ctx.missing -= record["placed"]
        self.report(f"placed {record['placed']} sites, {self.ctx.missing} are still missing")
        return None

    def relax_all(self) -> Any:
        """Relax all positions of the complete structure."""
        return ToContext(final=self._relax(self.ctx.structure, "relax_all"))

    def finish(self) -> ExitCode | None:
        """Check the result as those of other restorations are, and attach the outputs."""
        found = read_relaxation(self.ctx.final)
        self.ctx.structure = found.structure or self.ctx.structure
        if found.parameters is not None:
            self.out("parameters", found.parameters)
        if not self.ctx.final.is_finished_ok:
            message = found.report["message"]
            return self._fail("ERROR_FINAL_RELAXATION_FAILED", message=message)
        checks = check_restored(self.ctx.structure, self.inputs.structure).get_dict()
        self._attach("finished", final=found.report, checks=checks)
        if not checks["failed"]:
            return None
        code: ExitCode = self.exit_codes.ERROR_CHECKS_FAILED.format(
            message="; ".join(checks["failed"])
        )
        self.report(str(code.message))
        return code

    def _relax(self, structure: StructureData, label: str) -> ProcessNode:
        """Submit a relaxation, in which only inserted sites move unless it is the last one."""
        last = label == "relax_all"
        namespace = "relax_all" if last else "relax_inserted"
        inputs = AttributeDict(self.exposed_inputs(PwRelaxWorkChain, namespace=namespace))
        fixed = self._fixed(structure)
        missing = self.inputs.count.value - fixed.count(False)
        inputs.base_relax = restrict_to_structure(
            inputs.base_relax, structure, -float(missing), None if last else fixed
        )
        inputs.structure = structure
        inputs.setdefault("metadata", {})["call_link_label"] = label
        return self.submit(PwRelaxWorkChain, **inputs)

    def _fixed(self, structure: StructureData) -> list[bool]:
        """Return True for sites of the host, which come first."""
        host = len(self.inputs.structure.sites)
        return [index < host for index in range(len(structure.sites))]

    def _fail_without_sites(self, peaks: ProcessNode) -> ExitCode:
        message = find_failure(peaks)[1]
        if peaks.exit_status == _PEAKS.ERROR_NO_MAXIMA.status:
            again = len(self.ctx.rounds) > 1
            return self._fail("ERROR_NO_PROGRESS" if again else "ERROR_NO_MAXIMA", message=message)
        scf = peaks.exit_status == _PEAKS.ERROR_SCF_FAILED.status
        return self._fail("ERROR_SCF_FAILED" if scf else "ERROR_POTENTIAL_FAILED", message=message)

    def _fail(self, name: str, **details: Any) -> ExitCode:
        """Attach the structure reached so far, and return an exit code."""
        code: ExitCode = self.exit_codes[name].format(round=len(self.ctx.rounds), **details)
        self.report(str(code.message))
        self._attach("failed", message=code.message)
        return code

    def _attach(self, status: str, **details: Any) -> None:
        self.out("structure", self.ctx.structure)
        jobs = [job for job in self.node.called_descendants if isinstance(job, CalcJobNode)]
        report = {
            "status": status,
            "element": self.inputs.element.value,
            "count": self.inputs.count.value,
            "missing": self.ctx.missing,
            "rounds": list(self.ctx.rounds),
            **sum_costs(jobs),
            "pw_jobs": sum(job.process_class is PwCalculation for job in jobs),
            **details,
        }
        self.out("report", Dict(report).store())


def _describe_peaks(node: ProcessNode) -> dict[str, Any]:
    """Describe a PotentialPeaksWorkChain as JSON: sites found, left out and occupied."""
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


_EXIT_CODES = (
    (401, "ERROR_SCF_FAILED", "The density of the host did not converge: {message}"),
    (402, "ERROR_POTENTIAL_FAILED", "The potential could not be computed: {message}"),
    (403, "ERROR_NO_MAXIMA", "The potential has no maximum that can hold a site: {message}"),
    (404, "ERROR_NO_PROGRESS", "Round {round} found no further site: {message}"),
    (405, "ERROR_ROUND_LIMIT", "{missing} sites are still missing after {round} rounds"),
    (406, "ERROR_RELAXATION_FAILED", "No arrangement of round {round} could be relaxed: {message}"),
    (407, "ERROR_FINAL_RELAXATION_FAILED", "The last relaxation failed: {message}"),
    (408, "ERROR_CHECKS_FAILED", "The restored structure does not pass the checks: {message}"),
)
