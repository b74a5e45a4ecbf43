"""RelaxerWorkChain: relax samples by a process of another package, one at a time or all at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from aiida.engine import ExitCode, is_process_function
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, Int, Node, ProcessNode, Str
from aiida.plugins import CalculationFactory, WorkflowFactory

from aiida_hpaint.calculations.foreign_relaxation import (
    collect_relaxed,
    list_active_rows,
    take_sample,
)
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain
from aiida_hpaint.workflows.engine.verdict import declare_part_codes, find_part_code

__all__ = ["RelaxerWorkChain", "load_process", "make_relaxer_inputs"]

_METADATA = "metadata"
"""Key of inputs that are no nodes; in the namespace `arguments` they are a Dict."""


class RelaxerWorkChain(CrashSafeWorkChain):
    """Relax the samples of a chunk by a process that is not ours, and return them with energies.

    The process is a WorkChain, a CalcJob or a process function that takes a StructureData and
    returns one, with its sites in the same order, and an energy in eV. A sample whose process
    fails has the status `failed`.
    """

    has_results_if_failed = True

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("structures", valid_type=StructureBatchData, help="samples")
        spec.input("settings", valid_type=Dict, help="see `make_relaxer_inputs`")
        spec.input_namespace(
            "arguments", dynamic=True, help="inputs of the process; its metadata as Dict"
        )
        spec.output("structures", valid_type=StructureBatchData)
        spec.output("report", valid_type=Dict, help="status, jobs, failures, message")
        declare_part_codes(spec)
        here: Any = cls
        spec.outline(here.relax, here.finish)

    def _build_process_label(self) -> str:
        return f"Relaxer<{self.inputs.settings['process']}>"

    def relax(self) -> None:
        """Submit the process for each sample."""
        process = load_process(self.inputs.settings["process"])
        port = self.inputs.settings["structure"]
        for row in list_active_rows(self.inputs.structures.batch):
            given = _unwrap(self.inputs.get("arguments", {}))
            given[port] = take_sample(self.inputs.structures, Int(row))
            label = f"row_{row:05d}"
            if is_process_function(process):
                self.ctx[label] = process.run_get_node(**given)[1]
                continue
            given["metadata"] = {**given.get("metadata", {}), "call_link_label": label}
            self.to_context(**{label: self.submit(process, given)})

    def finish(self) -> ExitCode | None:
        """Attach samples and report, and return an exit code if processes failed."""
        ports = self.inputs.settings.get_dict()
        output, _, key = ports["energy"].rpartition(".")
        results: dict[str, Any] = {}
        failures: dict[str, str] = {}
        rows = list_active_rows(self.inputs.structures.batch)
        for row in rows:
            label, node = f"row_{row:05d}", self.ctx[f"row_{row:05d}"]
            found = _find_output(node, ports["relaxed"])
            energy = _find_output(node, ports["energy"]) or _find_output(node, output)
            if found is None or energy is None:
                failures[str(row)] = _describe(node)
            else:
                results |= {f"{label}__structure": found, f"{label}__energy": energy}
        structures = collect_relaxed(
            self.inputs.structures, Str(key or output), Dict(failures), **results
        )
        self.out("structures", structures)
        return self._end(len(rows), failures)

    def _end(self, jobs: int, failures: Mapping[str, str]) -> ExitCode | None:
        lost = len(failures)
        status = "finished" if not lost else "failed" if lost == jobs else "failed in part"
        why = next(iter(failures.values()), "")
        message = f"{lost} of {jobs} samples failed: {why}" if lost else ""
        details = {"stage": "relaxer", "jobs": jobs, "failures": lost, "message": message}
        self.out("report", Dict({"status": status, **details}).store())
        code: ExitCode | None = find_part_code(self.exit_codes, status, message)
        return code


def load_process(name: str) -> Any:
    """Return the process with an entry point of AiiDA, or with a path like `module:name`.

    Raises
    ------
    ValueError
        If there is none.
    """
    module, _, attribute = name.partition(":")
    if attribute:
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"relaxer {name!r}: {error}") from None
    for factory in (WorkflowFactory, CalculationFactory):
        try:
            return factory(name)
        except Exception as error:  # the factories raise several
            reason = error
    raise ValueError(f"relaxer {name!r}: {reason}; see `verdi plugin list aiida.workflows`")


def make_relaxer_inputs(
    process: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    structure: str = "structure",
    relaxed: str = "output_structure",
    energy: str = "output_parameters.energy",
) -> dict[str, Any]:
    """Return the inputs `settings` and `arguments` of a RelaxerWorkChain.

    Parameters
    ----------
    process
        Entry point of the process, or its path `module:name`.
    inputs
        Its inputs without the structure, as a builder or mapping.
    structure, relaxed
        Names of the input and of the output with the structure, the latter with dots.
    energy
        Name of the output with the energy in eV; of a Dict, followed by a dot and the key.

    Raises
    ------
    ValueError
        If there is no such process, or it has no such input.
    """
    known = load_process(process).spec().inputs
    if structure not in known and not known.dynamic:
        raise ValueError(
            f"relaxer {process!r} has no input {structure!r}: name it with `structure`, one of "
            f"{', '.join(sorted(known))}"
        )
    settings = {"structure": structure, "relaxed": relaxed, "energy": energy}
    return {"settings": Dict({"process": process, **settings}), "arguments": _wrap(inputs or {})}


def _wrap(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs with metadata as Dict, and without empty namespaces."""
    found: dict[str, Any] = {}
    for name, value in inputs.items():
        if isinstance(value, Node):
            found[name] = value
        elif name == _METADATA and value:
            found[name] = Dict(_drop_empty(value))
        elif isinstance(value, Mapping) and (kept := _wrap(value)):
            found[name] = kept
    return found


def _drop_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    plain = {k: _drop_empty(v) if isinstance(v, Mapping) else v for k, v in values.items()}
    return {name: value for name, value in plain.items() if value not in (None, {}, ())}


def _unwrap(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.get_dict()
        if name == _METADATA and isinstance(value, Dict)
        else _unwrap(value)
        if isinstance(value, Mapping)
        else value
        for name, value in inputs.items()
    }


def _find_output(node: ProcessNode, path: str) -> Any:
    """Return the output of a process that a path with dots names; None if there is none."""
    found: Any = node.outputs
    for name in path.split("."):
        if isinstance(found, Node) or name not in found:
            return None
        found = found[name]
    return found


def _describe(node: ProcessNode) -> str:
    lines = str(node.exception or node.exit_message or "it returned no structure and energy")
    return f"{node.process_label} {node.pk}: {lines.strip().splitlines()[-1]}"
