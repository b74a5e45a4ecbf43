"""Relaxations with pw.x through the daemon: what works, and how the rest ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from processes import ended

from aiida_hpaint.science.protocols.dft import load_dft_protocol

pytestmark = [pytest.mark.dft, pytest.mark.usefixtures("daemon", "pseudo_family")]

TIMEOUT = 600


def submit(
    code: Any, atoms: Atoms, *, options: Any = None, charge: float = 0, **values: Any
) -> Any:
    from aiida.engine import submit as submit_process
    from aiida.orm import Dict, StructureData

    from aiida_hpaint.workflows.dft.relax import DftRelaxWorkChain

    settings = load_dft_protocol("fast", {"cutoff_wfc": 30, **values})
    inputs = {"options": Dict(options)} if options else {}
    return submit_process(
        DftRelaxWorkChain,
        structure=StructureData(ase=atoms),
        code=code,
        settings=Dict(settings.model_dump(mode="json")),
        **inputs,
    )


def report_of(node: Any) -> dict[str, Any]:
    values: dict[str, Any] = ended(node, TIMEOUT).outputs.report.get_dict()
    return values


def displaced(shift: float) -> Atoms:
    atoms = bulk("LiH", "rocksalt", a=4.02)
    atoms.positions[1] += shift
    return atoms


def test_how_relaxations_end(pw_code: Any) -> None:
    """Side by side, so that the daemon waits once for all of them."""
    overlapping = displaced(0.0)
    overlapping.positions[1] = overlapping.positions[0] + 1e-5
    short = {
        "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
        "max_wallclock_seconds": 4,
    }
    nodes = {
        "good": submit(pw_code, displaced(0.002), scf_threshold=1e-7),
        "odd": submit(pw_code, bulk("Li", "bcc", a=3.44), scf_threshold=1e-7),
        "magnetic": submit(pw_code, bulk("Fe", "bcc", a=2.83), scf_threshold=1e-6),
        "restless": submit(pw_code, displaced(0.1), scf_steps=2, max_jobs=2),
        "overlapping": submit(pw_code, overlapping),
        "unknown": submit(pw_code, Atoms("EuH", cell=[4, 4, 4], pbc=True)),
        "slow": submit(
            pw_code, displaced(0.1), options=short, cutoff_wfc=80, kpoints_distance=0.2, max_jobs=2
        ),
    }
    reports = {name: report_of(node) for name, node in nodes.items()}

    # Within 0.01 Å of rocksalt: made exactly so before pw.x looks for symmetry.
    good = reports["good"]
    assert (good["status"], good["symmetries"], good["jobs"]) == ("converged", 48, 1)
    assert good["energy"] == pytest.approx(2 * good["energy_per_atom"])
    assert good["max_force"] < 1e-3
    assert good["kpoints"] == [6, 6, 6]
    relaxed = nodes["good"].outputs.structure
    np.testing.assert_allclose(relaxed.cell, bulk("LiH", "rocksalt", a=4.02).cell, atol=1e-6)

    # Three electrons in the cell: smearing occupies half a band.
    odd = reports["odd"]
    assert odd["status"] == "converged"
    assert nodes["odd"].outputs.parameters["number_of_electrons"] % 2 == 1

    # Two Bohr magnetons and a bit, as iron has; non-magnetic ones report none.
    assert 1.5 < reports["magnetic"]["magnetisation"] < 3
    assert odd["magnetisation"] is None

    restless = reports["restless"]
    assert (restless["status"], restless["jobs"], restless["energy"]) == ("failed", 2, None)
    assert "electronic minimization cycle" in restless["message"]

    overlapping_report = reports["overlapping"]
    assert overlapping_report["status"] == "failed"
    assert "overlap" in overlapping_report["message"]

    assert reports["unknown"]["status"] == "failed"
    assert "has none for Eu" in reports["unknown"]["message"]
    assert [node.process_label for node in nodes["unknown"].called] == ["symmetrise_structure"]

    slow = reports["slow"]
    assert (slow["status"], slow["jobs"]) == ("failed", 2)
    assert "walltime" in slow["message"].lower()


def test_a_builder_takes_overrides_of_both_kinds(pw_code: Any, pseudo_family: str) -> None:
    from aiida.orm import StructureData
    from aiida.plugins import WorkflowFactory

    chain = WorkflowFactory("hpaint.dft_relax")
    pw = {"parameters": {"SYSTEM": {"nosym": True}}}
    overrides = {"cutoff_wfc": 33, "base": {"pw": pw}}
    built = chain.get_builder_from_protocol(
        pw_code, StructureData(ase=displaced(0.1)), "fast", overrides
    )
    assert built.settings["cutoff_wfc"] == 33
    assert built.overrides.get_dict() == {"pw": pw}
    with pytest.raises(ValueError, match="no setting cutoff: did you mean cutoff"):
        chain.get_builder_from_protocol(pw_code, built.structure, overrides={"cutoff": 33})
