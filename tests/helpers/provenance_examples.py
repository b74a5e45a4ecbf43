"""Restorations and validations as the database has them, made without running a job."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.batch import concatenate

IDENTITY: dict[str, Any] = {
    "version": "0.1.0",
    "model": {"name": "m", "sha256": "0f" * 32},
    "seed": 7,
}
SETTINGS = {"settings": {"sampling": {"generator": "m", "samples": 4}}}
POTENTIAL: dict[str, Any] = {
    "version": "0.1.0",
    "model": {"name": "p", "package": "q", "package_version": "1"},
}


def get_default_code() -> Any:
    from aiida_hpaint.workflows.engine.codes import get_default_code

    return get_default_code()


def process(kind: Any, label: str, inputs: Mapping[str, Any], **attributes: Any) -> Any:
    """A stored process that has ended, with its inputs."""
    from aiida.common.links import LinkType
    from aiida.orm import WorkflowNode

    node = kind()
    for name, value in {"process_label": label, "process_state": "finished", **attributes}.items():
        node.base.attributes.set(name, value)
    link = LinkType.INPUT_WORK if isinstance(node, WorkflowNode) else LinkType.INPUT_CALC
    for name, value in inputs.items():
        node.base.links.add_incoming(value if value.is_stored else value.store(), link, name)
    return node


def made(node: Any, caller: Any, outputs: Mapping[str, Any]) -> None:
    """Store a job that a work chain called, with what it made."""
    from aiida.common.links import LinkType

    node.base.links.add_incoming(caller, LinkType.CALL_CALC, "job_1")
    node.store()
    for name, value in outputs.items():
        value.base.links.add_incoming(node, LinkType.CREATE, name)
        value.store()
    node.seal()


def returned(node: Any, outputs: Mapping[str, Any]) -> None:
    from aiida.common.links import LinkType

    for name, value in outputs.items():
        value.base.links.add_incoming(node, LinkType.RETURN, name)


def stage(
    name: str,
    structures: Any,
    batch: StructureBatch,
    identity: Mapping[str, Any],
    caller: Any = None,
    chunk: str = "chunk_0000",
) -> Any:
    """What one stage makes of a chunk, by a job on localhost."""
    from aiida.common.links import LinkType
    from aiida.orm import CalcJobNode, Dict, WorkChainNode

    from aiida_hpaint.data.structure_batch import StructureBatchData

    code = get_default_code()
    chain = process(WorkChainNode, f"Stage<{name}>", {"structures": structures}, exit_status=0)
    if caller is not None:
        chain.base.links.add_incoming(caller, LinkType.CALL_WORK, f"{name}_{chunk}")
    chain.store()
    inputs = {
        "function_inputs__structures": structures,
        "function_inputs__settings": Dict({"about": name}),
        "function_inputs__identity": Dict(dict(identity)),
        "code": code,
    }
    job = process(CalcJobNode, f"PythonJob<{name}_job>", inputs, exit_status=0)
    job.computer = code.computer
    found = StructureBatchData(batch)
    made(job, chain, {"structures": found})
    report = Dict({"stage": name, "status": "finished", "message": ""}).store()
    returned(chain, {"structures": found, "report": report})
    chain.seal()
    return found


def died(hosts: StructureBatch, place: int = 0) -> Any:
    """A restoration of two hosts that was killed when one was restored and the other sampled."""
    from aiida.orm import Int, WorkflowNode

    from aiida_hpaint.calculations.split_and_join import split_hosts
    from aiida_hpaint.data.structure_batch import StructureBatchData

    node = StructureBatchData(hosts).store()
    inputs = {"graph_inputs__hosts": node, "graph_inputs__plan__finish": _unchecked()}
    graph = process(WorkflowNode, "WorkGraph<restore>", inputs, process_state="killed").store()
    graph.label = "cut short"
    for key, chunk in split_hosts(node, Int(1)).items():
        drawn = stage("sample", chunk, _drawn(chunk.batch), IDENTITY, graph, key)
        if key == f"chunk_{place:04d}":
            stage("relax_all", drawn, _relaxed(drawn.batch), POTENTIAL, graph, key)
    return graph.seal()


def _unchecked() -> Any:
    """Inputs of the end of a restoration that let every candidate pass."""
    from aiida.orm import Dict

    from aiida_hpaint.science.stages import FinishInputs

    return Dict(FinishInputs(checks=None).model_dump()).store()


def restored_by_dft(host: Any, message: str | None = None) -> Any:
    """What RestoreHydrogenWorkChain returns of a StructureData; with a message it ended early."""
    from aiida.orm import Dict, Int, Str, StructureData, WorkChainNode
    from ase import Atom

    inputs = {
        "structure": host if host.is_stored else host.store(),
        "count": Int(1),
        "element": Str("H"),
        "peaks": Dict({"level": 0.0}),
        "pinball": Dict({"keep": 3}),
    }
    end = {"exit_status": 0} if message is None else {"exit_status": 405, "exit_message": message}
    chain = process(WorkChainNode, "RestoreHydrogenWorkChain", inputs, **end).store()
    filled = host.get_ase()
    filled.append(Atom("H", (0.1, 0.2, 0.3)))
    structure = one_job(chain, host, StructureData(ase=filled))
    returned(chain, {"structure": structure, "report": Dict({"status": "finished"}).store()})
    return chain.seal()


def one_job(chain: Any, start: Any, end: Any) -> Any:
    """What pw.x makes of a structure."""
    from aiida.orm import CalcJobNode, Dict, KpointsData

    kpoints = KpointsData()
    kpoints.set_kpoints_mesh([2, 2, 2])
    parameters = Dict({"CONTROL": {"calculation": "relax"}})
    code = get_default_code()
    given = {"structure": start, "parameters": parameters, "code": code, "kpoints": kpoints}
    given |= {f"pseudos__{symbol}": pseudopotential(symbol) for symbol in start.get_symbols_set()}
    job = process(CalcJobNode, "PwCalculation", given, exit_status=0)
    job.computer = code.computer
    made(job, chain, {} if end is None else {"output_structure": end})
    return end


def restored(hosts: StructureBatch, lost: tuple[str, ...] = (), name: str = "restore") -> Any:
    """A restoration with two samples of each host, whose chunks are hosts; some are lost."""
    from aiida.orm import Int, WorkflowNode

    from aiida_hpaint.calculations.ranking import pick_structures, rank_samples
    from aiida_hpaint.calculations.split_and_join import split_hosts
    from aiida_hpaint.data.structure_batch import StructureBatchData

    node = StructureBatchData(hosts).store()
    chunks = {key: _chunk(chunk, lost) for key, chunk in split_hosts(node, Int(1)).items()}
    finish = _unchecked()
    ranked = rank_samples(hosts=node, finish=finish, **chunks)
    inputs = {"graph_inputs__hosts": node, "graph_inputs__plan__finish": finish}
    graph = process(WorkflowNode, f"WorkGraph<{name}>", inputs, exit_status=0)
    graph.store()
    graph.label = name
    returned(graph, {**ranked, **_named(pick_structures(ranked["samples"]))})
    return graph.seal()


def _named(structures: Mapping[str, Any]) -> dict[str, Any]:
    return {f"structures__{key}": structure for key, structure in structures.items()}


def _chunk(chunk: Any, lost: tuple[str, ...]) -> Any:
    from aiida.orm import Int, Str

    from aiida_hpaint.calculations.failures import mark_as_failed

    if chunk.batch.labels[0] in lost:
        return mark_as_failed(chunk, Int(2), Str(f"job {chunk.pk}: it ended without a result"))
    drawn = stage("sample", chunk, _drawn(chunk.batch), IDENTITY)
    return stage("relax_all", drawn, _relaxed(drawn.batch), POTENTIAL)


def _drawn(host: StructureBatch) -> StructureBatch:
    batch = concatenate([host, host])
    rng = np.random.default_rng(3)
    places = rng.uniform(size=batch.frac_coords.shape)
    missing = np.isnan(batch.frac_coords)
    filled = replace(batch, frac_coords=np.where(missing, places, batch.frac_coords))
    record = {"stage": "sample", "seed": 7, "model": IDENTITY["model"]}
    return filled.with_scalars(sample=[0, 1], status=["sampled", "too close"]).with_history(record)


def _relaxed(drawn: StructureBatch) -> StructureBatch:
    record = {"stage": "relax_all", "model": {**POTENTIAL["model"], "sha256": "1e" * 32}}
    return drawn.with_scalars(
        status=["converged", "too close"],
        energy=[-20.0, np.nan],
        energy_sampled=[-18.0, np.nan],
        max_force=[0.02, np.nan],
        steps=[9, 0],
    ).with_history(record)


def validated(samples: Any, references: StructureBatch, energies: Mapping[str, float]) -> Any:
    """A validation whose structures got these energies (eV), by their keys."""
    from aiida.orm import Dict, WorkflowNode

    from aiida_hpaint.calculations.validation import choose_structures, compare_validated
    from aiida_hpaint.data.structure_batch import StructureBatchData

    others = StructureBatchData(references).store()
    choice = Dict({"candidates": 1, "margin": 0.1})
    chosen = choose_structures(samples=samples, choice=choice, references=others)
    relaxed: dict[str, Any] = {}
    for key, start in chosen.items():
        end, report = dft(start, energies.get(key))
        relaxed |= {f"{key}__start": start, f"{key}__report": report}
        relaxed |= {} if end is None else {f"{key}__end": end}
    compared = compare_validated(**relaxed)
    given = {"graph_inputs__structures": samples}
    graph = process(WorkflowNode, "WorkGraph<validate>", given, exit_status=0)
    graph.store()
    lowest = _named(compared.pop("structures", {}))
    graph.label = "validate"
    returned(graph, {**compared, **lowest})
    return graph.seal()


def benchmarked(rows: list[Any], complete: StructureBatch) -> Any:
    """A benchmark with these rows."""
    from aiida.common.links import LinkType
    from aiida.orm import CalcFunctionNode, Dict, SinglefileData, WorkflowNode

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.science.benchmark.statistics import summarise
    from aiida_hpaint.science.benchmark.statistics.rows import format_samples_csv

    function = process(CalcFunctionNode, "compare_restored", {}, function_name="compare_restored")
    function.store()
    lines = "".join(row.model_dump_json() + "\n" for row in rows)
    outputs = {
        "rows": SinglefileData(io.BytesIO(lines.encode()), filename="rows.jsonl"),
        "table": SinglefileData(
            io.BytesIO(format_samples_csv(rows).encode()), filename="samples.csv"
        ),
        "summary": Dict(summarise(rows)),
    }
    for name, value in outputs.items():
        value.base.links.add_incoming(function, LinkType.CREATE, name)
        value.store()
    function.seal()
    inputs = {
        "graph_inputs__complete": StructureBatchData(complete),
        "graph_inputs__settings": Dict(SETTINGS),
    }
    graph = process(WorkflowNode, "WorkGraph<benchmark>", inputs, exit_status=0).store()
    graph.label = "../benchmark"
    returned(graph, outputs)
    return graph.seal()


def pseudopotential(symbol: str) -> Any:
    from aiida_pseudo.data.pseudo.upf import UpfData

    header = f'<PP_HEADER element="{symbol}" z_valence="1.0"/>'
    text = f'<UPF version="2.0.1">{header}</UPF>'
    return UpfData(io.BytesIO(text.encode()), filename=f"{symbol}.upf")


def dft(start: Any, energy: float | None) -> tuple[Any, Any]:
    """What DftRelaxWorkChain returns of a structure: relaxed, if it has an energy, and a report."""
    from aiida.orm import Dict, WorkChainNode

    settings = Dict({"cutoff_wfc": 30})
    inputs = {"structure": start, "settings": settings}
    chain = process(WorkChainNode, "DftRelaxWorkChain", inputs, exit_status=0).store()
    end = start.clone()
    end.base.attributes.delete("hpaint")
    one_job(chain, start, None if energy is None else end)
    values = {"status": "failed", "message": "job 5: it overlaps"}
    if energy is not None:
        values = {"status": "converged", "message": "", "energy": energy, "max_force": 0.01}
    report = Dict(values).store()
    returned(chain, {"report": report} | ({} if energy is None else {"structure": end}))
    chain.seal()
    return (None if energy is None else end), report
