"""Energies of a correct and a wrong arrangement of hydrogen with each DFT protocol, and costs.

    python benchmarks/dft_protocols.py [fast balanced paper]

Validates rock salt and zincblende LiH, and rutile and fluorite MgH2 of the same volume, in the
default AiiDA profile, which `aiida-hpaint setup dft` has made. Symmetry keeps all of them where
they are: each takes a single scf.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from aiida import load_profile
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from aiida_hpaint.science.protocols.dft import list_dft_protocols, load_validation_settings
from aiida_hpaint.science.structures import StructureBatch, from_ase
from aiida_hpaint.workflows.validate.build import build_validate
from aiida_hpaint.workflows.validate.results import read_validation


def pair(label: str, right: Atoms, wrong: Atoms) -> StructureBatch:
    """Return the two structures as candidates of one host."""
    batch = replace(from_ase([right, wrong]), labels=(label, label))
    return batch.with_scalars(host=[0, 0], rank=[0, 1])


def pairs() -> list[StructureBatch]:
    """Return the pairs of LiH and MgH2."""
    sites = [(0, 0, 0), (0.304, 0.304, 0)]
    cell = [4.5, 4.5, 3.0, 90, 90, 90]
    rutile = crystal(["Mg", "H"], sites, spacegroup=136, cellpar=cell)
    fluorite = bulk("MgH2", "fluorite", a=(2 * rutile.get_volume()) ** (1 / 3))
    salt, blende = (bulk("LiH", name, a=4.02) for name in ("rocksalt", "zincblende"))
    return [pair("LiH", salt, blende), pair("MgH2", rutile, fluorite)]


def main(protocols: list[str]) -> None:
    """Print a line for each pair and protocol."""
    load_profile()
    print("protocol  host  meV/atom  seconds of pw.x  meshes")
    for protocol in protocols or list_dft_protocols():
        settings = load_validation_settings(protocol, {"candidates": None})
        for candidates in pairs():
            graph = build_validate(candidates, settings=settings)
            graph.submit()
            while not graph.process.is_terminated:
                time.sleep(1)
            found = read_validation(graph.process)
            above = 1000 * float(found.rows[1]["above_best"])
            meshes = " ".join(row["kpoints"] for row in found.rows)
            seconds = found.summary["cost"]["seconds"]
            print(protocol, candidates.labels[0], f"{above:.1f} {seconds:.0f}", meshes, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
