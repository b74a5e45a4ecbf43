"""Restore hydrogen with a relaxer of one's own between sampling and ranking.

Run it with `verdi run examples/another_relaxer.py` in the root of the repository. Any WorkChain can
take the place of `relax`, by its entry point; see docs/how-to/aiida.md.
"""

from __future__ import annotations

from pathlib import Path

from aiida.engine import calcfunction, run_get_node
from aiida.orm import Data, Float, StructureData
from aiida.plugins import WorkflowFactory
from ase.calculators.lj import LennardJones
from ase.optimize import BFGS

from aiida_hpaint.workflows.restore.relaxer import make_relaxer_inputs

HOST = Path(__file__).parent / "hosts" / "brucite.cif"

ONLY_SAMPLING = {
    "sampling": {"generator": "random", "samples": 3},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "score": None,
    "relax_inserted": None,
    "relax_all": None,
    "search": None,
    "checks": None,
}


@calcfunction
def relax(structure: StructureData) -> dict[str, Data]:
    """Relax with a Lennard-Jones potential, as an example of a program of one's own."""
    atoms = structure.get_ase()
    atoms.calc = LennardJones(sigma=1.2, rc=4.0, smooth=True)
    BFGS(atoms, logfile=None).run(fmax=0.5, steps=5)
    return {"relaxed": StructureData(ase=atoms), "energy": Float(atoms.get_potential_energy())}


def main() -> None:
    """Restore brucite, and print the table of samples."""
    relaxer = make_relaxer_inputs(f"{relax.__module__}:relax", relaxed="relaxed", energy="energy")
    builder = WorkflowFactory("hpaint.restore").get_builder_from_protocol(
        hosts=HOST, overrides=ONLY_SAMPLING, add="H:2", relaxer=relaxer
    )
    outputs, node = run_get_node(builder)
    print(f"process {node.pk} ended with exit status {node.exit_status}")
    print(outputs["table"].get_content())


if __name__ == "__main__":
    main()
