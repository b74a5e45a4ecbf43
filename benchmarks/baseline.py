"""Diffusion compared with the DFT baseline: matches, energies by DFT, and costs.

    aiida-hpaint setup dft
    python benchmarks/baseline.py references.extxyz --max-sites 5 --output runs/baseline.jsonl

The H of each structure is removed and restored twice: by the diffusion recipe (plain Python,
protocol `balanced`), and by RestoreHydrogenWorkChain with the daemon of the default profile. Both
results and the published structure are relaxed by DFT with the same settings. Seconds are CPU
times: of this process for the recipe, of pw.x and pp.x for the baseline; the validation of the
recipe's result is not included. The same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from aiida import load_profile
from aiida.engine import submit
from aiida.orm import CalcJobNode, Dict, ProcessNode, StructureData

from aiida_hpaint import restore
from aiida_hpaint.data.structure_batch import to_structure
from aiida_hpaint.science.benchmark import read_references
from aiida_hpaint.science.evaluation.matching import is_match
from aiida_hpaint.science.protocols.dft import load_dft_protocol
from aiida_hpaint.science.settings import DftSettings, RestoreHydrogenSettings
from aiida_hpaint.science.structures import StructureBatch, from_pymatgen, remove_inserted
from aiida_hpaint.workflows.dft.codes import find_espresso_code
from aiida_hpaint.workflows.dft.inputs import make_pw_options
from aiida_hpaint.workflows.dft.relax import DftRelaxWorkChain
from aiida_hpaint.workflows.restore_hydrogen import RestoreHydrogenWorkChain


def main() -> None:
    """Measure each host, and print the table."""
    options = arguments()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    load_profile()
    done = rows(options.output)
    references = read_references(options.references)
    for host, complete in zip(references.hosts, references.complete, strict=True):
        wanted = not options.labels or host.labels[0] in options.labels
        known = {row["label"] for row in done}
        if wanted and host.n_sites <= options.max_sites and host.labels[0] not in known:
            done.append(measured(host, complete, options))
            options.output.parent.mkdir(parents=True, exist_ok=True)
            with options.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[-1]) + "\n")
            print(json.dumps(done[-1]), flush=True)
    print(table(done))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("references", nargs="+", type=Path)
    parser.add_argument(
        "--output", type=Path, required=True, help="JSON lines, one for each structure"
    )
    parser.add_argument("--max-sites", type=int, default=6, help="largest number of sites")
    parser.add_argument("--labels", nargs="+", help="labels of structures to use")
    parser.add_argument("--protocol", default="fast", help="protocol of DFT")
    parser.add_argument("--cutoff", type=float, help="cutoff of wavefunctions, Ry")
    parser.add_argument("--displacement", type=float, default=0.0, help="see PinballSettings, Å")
    return parser.parse_args()


def rows(path: Path) -> list[dict[str, Any]]:
    """Read earlier results."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measured(
    host: StructureBatch, complete: StructureBatch, options: argparse.Namespace
) -> dict[str, Any]:
    """Restore one host by both methods."""
    replaced = {"cutoff_wfc": options.cutoff} if options.cutoff else {}
    dft = load_dft_protocol(options.protocol, replaced)
    baseline = submit(builder(host, dft, options.displacement))
    started = time.process_time()
    found = restore(host)
    seconds = time.process_time() - started
    relaxations = [relaxed(found.best, dft), relaxed(complete, dft)]
    wait([baseline, *relaxations])
    reference = end(relaxations[1])
    row: dict[str, Any] = {
        "label": host.labels[0],
        "formula": to_structure(complete).get_formula(mode="hill_compact"),
        "sites": host.n_sites,
        "missing": int(host.insert_counts[0]),
        "diffusion": {**compared(end(relaxations[0]), reference), "seconds": round(seconds, 1)},
    }
    return {**row, "baseline": {**compared(placed(baseline), reference), **cost(baseline)}}


def builder(host: StructureBatch, dft: DftSettings, displacement: float) -> Any:
    """Make the builder of the baseline for one host."""
    settings = RestoreHydrogenSettings(dft=dft).model_dump()
    settings["pinball"]["displacement"] = displacement
    return RestoreHydrogenWorkChain.get_builder_from_protocol(
        None,
        None,
        to_structure(remove_inserted(host)),
        int(host.insert_counts[0]),
        settings=RestoreHydrogenSettings.model_validate(settings),
    )


def relaxed(structure: StructureBatch, dft: DftSettings) -> ProcessNode:
    """Submit a DFT relaxation of one structure."""
    code = find_espresso_code("pw")
    return submit(
        DftRelaxWorkChain,
        structure=to_structure(structure),
        code=code,
        settings=Dict(dft.model_dump(mode="json")),
        options=Dict(make_pw_options(code)),
    )


def wait(nodes: list[ProcessNode]) -> None:
    """Wait until all have terminated."""
    while not all(node.is_terminated for node in nodes):
        time.sleep(1)


Answer = tuple[StructureData | None, float | None]


def end(node: ProcessNode) -> Answer:
    """Return structure and energy (eV) of a DFT relaxation."""
    structure = node.outputs.structure if "structure" in node.outputs else None
    return structure, node.outputs.report.get("energy", None)


def placed(node: ProcessNode) -> Answer:
    """Return structure and energy (eV) of the baseline."""
    if not node.is_finished_ok:
        return None, None
    return node.outputs.structure, node.outputs.report["final"]["energy"]


def compared(answer: Answer, reference: Answer) -> dict[str, Any]:
    """Return whether a result matches, and its energy above the reference (meV per atom)."""
    structure, energy = answer
    if structure is None or reference[0] is None:
        return {"match": None, "above": None}
    ours, theirs = (batch(one) for one in (structure, reference[0]))
    known = energy is not None and reference[1] is not None
    above = 1000 * (energy - reference[1]) / ours.n_sites if known else None
    return {"match": bool(is_match(ours, theirs)), "above": above}


def batch(structure: StructureData) -> StructureBatch:
    """Convert a StructureData to a batch of one."""
    return from_pymatgen([structure.get_pymatgen()])


def cost(node: ProcessNode) -> dict[str, Any]:
    """Summarise the steps and costs of the baseline."""
    report = node.outputs.report.get_dict()
    rounds = report["rounds"]
    return {
        "status": node.exit_status,
        "message": node.exit_message,
        "rounds": len(rounds),
        "maxima": [one["sites"] for one in rounds],
        "relaxed": sum(len(one["arrangements"]) for one in rounds),
        "scf_iterations": report["scf_iterations"],
        "seconds": round(sum(cpu_seconds(job) for job in jobs(node)), 1),
    }


def jobs(node: ProcessNode) -> list[CalcJobNode]:
    """Return all jobs below a process."""
    return [job for job in node.called_descendants if isinstance(job, CalcJobNode)]


def cpu_seconds(job: CalcJobNode) -> float:
    """Parse the CPU seconds from a line like "PWSCF : 1m34.25s CPU 4m 1.23s WALL"."""
    text = job.outputs.retrieved.get_object_content(job.get_option("output_filename"))
    told = re.findall(
        r"(?:PWSCF|POST-PROC)\s*:\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*([\d.]+)?s? CPU", text
    )
    hours, minutes, seconds = (float(value or 0) for value in told[-1]) if told else (0, 0, 0)
    return 3600 * hours + 60 * minutes + seconds


def table(done: list[dict[str, Any]]) -> str:
    """Format one line for each host, in Markdown."""
    lines = [
        "| host | sites | H | diffusion | meV/atom | s | baseline | meV/atom | maxima | scf | s |",
        "| --- " * 11 + "|",
    ]
    for row in done:
        ours, theirs = row["diffusion"], row["baseline"]
        cells = [row["formula"], row["sites"], row["missing"]]
        cells += [said(ours["match"]), above(ours), ours["seconds"]]
        cells += [said(theirs["match"]), above(theirs), "+".join(map(str, theirs["maxima"]))]
        cells += [theirs["scf_iterations"], theirs["seconds"]]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def said(match: bool | None) -> str:
    """Format a match."""
    return "failed" if match is None else "match" if match else "other"


def above(result: dict[str, Any]) -> str:
    """Format an energy above the reference."""
    return "-" if result["above"] is None else f"{round(result['above'], 1) + 0.0:.1f}"


if __name__ == "__main__":
    main()
