"""The scripts of jobs do not depend on the names of hosts and processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import provenance_examples
import pytest
from nasty import NASTY

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")

OPTIONS = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "withmpi": False}
# The database and UTF-8 refuse the other names.
NAMES = [name for name in NASTY if "\x00" not in name and "\ud800" not in name]


def dry_run(process: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, **inputs: Any) -> Path:
    """Return the folder that would be sent to the computer."""
    from aiida.engine import run

    folder.mkdir()
    monkeypatch.chdir(folder)
    inputs["metadata"] |= {"dry_run": True, "store_provenance": False}
    run(process, **inputs)
    [sent] = (folder / "submit_test").iterdir()
    assert [path.name for path in folder.iterdir()] == ["submit_test"]
    return sent


def texts(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def python_job(hosts: StructureBatch, label: str) -> dict[str, Any]:
    from aiida.orm import Dict, Str
    from aiida_pythonjob.launch import prepare_pythonjob_inputs
    from aiida_workgraph import namespace

    from aiida_hpaint.calculations.jobs import run_stage_job
    from aiida_hpaint.data.structure_batch import StructureBatchData

    given = {
        "structures": StructureBatchData(hosts),
        "stage": Str("sample"),
        "settings": Dict({"generator": "random"}),
        "identity": Dict({"version": "0"}),
    }
    metadata = {"options": dict(OPTIONS), "label": label}
    inputs: dict[str, Any] = prepare_pythonjob_inputs(
        run_stage_job,
        function_inputs=given,
        inputs_spec=namespace(structures=Any, stage=Any, settings=Any, identity=Any),
        outputs_spec=namespace(structures=StructureBatchData),
        code=provenance_examples.get_default_code(),
        metadata=metadata,
    )
    return inputs


def test_scripts_of_jobs_in_python_hold_no_name(
    brucite: StructureBatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_pythonjob import PythonJob

    found = []
    for number, names in enumerate([[f"mp-{i}" for i in range(len(NAMES))], NAMES]):
        hosts = replace(brucite[[0] * len(names)], labels=tuple(names))
        inputs = python_job(hosts, names[9])
        sent = texts(dry_run(PythonJob, tmp_path / str(number), monkeypatch, **inputs))
        assert "_aiidasubmit.sh" in sent
        found.append({name: text for name, text in sent.items() if name.endswith((".sh", ".py"))})
        assert {name for name in sent if "pwned" in name or ".." in name} == set()
    assert found[0] == found[1]


def test_scripts_of_quantum_espresso_hold_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida.orm import Dict, InstalledCode, KpointsData, StructureData
    from aiida_quantumespresso.calculations.pw import PwCalculation

    from aiida_hpaint.cli.setup.local import ensure_localhost

    computer = ensure_localhost()[0]
    code = InstalledCode(computer=computer, filepath_executable="/bin/true", label="named").store()
    kpoints = KpointsData()
    kpoints.set_kpoints_mesh([1, 1, 1])
    found = []
    for number, name in enumerate(["mp-1", " ".join(NAMES)[:250]]):
        structure = StructureData(cell=[[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]])
        structure.append_atom(position=(0.0, 0.0, 0.0), symbols="H")
        structure.label = name
        inputs = {
            "code": code,
            "structure": structure,
            "parameters": Dict({"CONTROL": {"calculation": "scf"}, "SYSTEM": {"ecutwfc": 30.0}}),
            "kpoints": kpoints,
            "pseudos": {"H": provenance_examples.pseudopotential("H")},
            "metadata": {"options": dict(OPTIONS), "label": name},
        }
        sent = texts(dry_run(PwCalculation, tmp_path / str(number), monkeypatch, **inputs))
        # Files of AiiDA itself contain the name of the node.
        found.append({name: text for name, text in sent.items() if not name.startswith(".aiida")})
    assert {"_aiidasubmit.sh", "aiida.in"} <= found[0].keys()
    assert found[0] == found[1]
