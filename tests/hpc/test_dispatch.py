"""Everything on a computer over SSH and Slurm, at once: jobs there wait more than they compute."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from cluster import PYTHON, ROOT
from faulty import QUICK
from processes import finished

from aiida_hpaint.science.structures import StructureBatch, add_sites, from_ase, read_hosts
from aiida_hpaint.science.structures.batch import concatenate

pytestmark = pytest.mark.hpc

TIMEOUT = 900
CHECKPOINT = ROOT / "tests" / "parity" / "data" / "oracle-pos-only"

LOOK = f"""
env -0 | {PYTHON} -c 'import json, sys; json.dump(sys.stdin.read().split(chr(0)), sys.stdout)' \
> environment.json
{PYTHON} -c 'import aiida' 2> aiida.txt
ls {sys.prefix} > hidden.txt
"""
"""Shell commands before a job that leave in its folder what the job finds around it."""

OPTIONS: dict[str, Any] = {
    "sample": {
        "queue_name": "short",
        "account": "samplers",
        "max_wallclock_seconds": 1200,
        "custom_scheduler_commands": "#SBATCH --gres=gpu:1",
        "environment_variables": {"AIIDA_HPAINT_DEVICES": "cpu,cpu"},
        "prepend_text": LOOK,
    },
    "relax": {
        "queue_name": "long",
        "account": "relaxers",
        "max_wallclock_seconds": 3000,
        "max_memory_kb": 4 * 2**20,
        "resources": {
            "num_machines": 1,
            "num_mpiprocs_per_machine": 1,
            "num_cores_per_mpiproc": 2,
        },
        "environment_variables": {"HPAINT_TEST": "relax"},
        "prepend_text": LOOK,
    },
    "dft": {
        "queue_name": "long",
        "account": "electrons",
        "max_wallclock_seconds": 1800,
        "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 2},
        "prepend_text": "export HPAINT_TEST=dft",
    },
}
FUNNEL: dict[str, Any] = {
    "sampling": {"samples": 3, "device": "cpu"},
    "symmetry": {"symmetrised": True, "wyckoff": 2, "refine": 0.02},
    "checks": None,  # relaxations end early
    "potential": {"device": "cpu"},
    "score": {"max_steps": 2},
    "candidates": 2,
}
CHEAP = {"cutoff_wfc": 30, "kpoints_distance": 0.7, "scf_threshold": 1e-7, "max_jobs": 2}


def example(name: str) -> StructureBatch:
    host = add_sites(read_hosts(ROOT / "examples" / "hosts" / f"{name}.cif"), "H:2")
    return replace(host, labels=(name,))


def metal() -> StructureBatch:
    return replace(from_ase([bulk("Li", "fcc", a=4.02)]), labels=("LiH",))


@pytest.fixture(scope="module")
def submitted(
    faulty: Any, code: Any, old_code: Any, pw: Any, pp: Any, pseudo_family: str
) -> dict[str, Any]:
    """All processes by name; they run side by side."""
    return {
        "funnel": funnel(code),
        "validated": validated(code, pw),
        "paramiko": paramiko(old_code),
        "hydrogen": hydrogen(pw, pp),
    }


def submit(hosts: StructureBatch, settings: dict[str, Any], **arguments: Any) -> Any:
    from aiida_hpaint.workflows.restore.build import build_restore

    graph = build_restore(hosts, overrides=settings, **arguments)
    graph.submit()
    return graph.process


def funnel(code: Any) -> Any:
    hosts = concatenate([example("brucite"), example("lithium_hydroxide")])
    return submit(hosts, FUNNEL, protocol="fast", code=code, options=OPTIONS)


def validated(code: Any, pw: Any) -> Any:
    """Samples of a model that is only here, proposals on symmetric sites, and DFT."""
    settings = {
        **QUICK,
        "sampling": {"generator": str(CHECKPOINT), "samples": 1, "steps": 3, "device": "cpu"},
        "symmetry": {"symmetrised": False, "wyckoff": 4, "refine": 0.02},
        "checks": None,  # relaxations end early
        "relax_inserted": {"max_steps": 1, "give_up_above": None},
        "validation": {"candidates": 1, "dft": CHEAP},
    }
    codes = {"sample": code, "relax": code, "dft": pw}
    host = add_sites(metal(), "H:1")
    return submit(host, settings, code=codes, options=OPTIONS, upload_model=True)


def paramiko(code: Any) -> Any:
    """One stage alone."""
    from aiida.engine import submit as submit_process
    from aiida.orm import Dict, Str

    from aiida_hpaint import __version__
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    return submit_process(
        StageWorkChain,
        stage=Str("sample"),
        structures=StructureBatchData(example("brucite")),
        settings=Dict({"generator": "random", "samples": 2, "device": "cpu"}),
        identity=Dict({"version": __version__}),
        code=code,
        options=Dict({"resources": {"num_machines": 1}}),
    )


def hydrogen(pw: Any, pp: Any) -> Any:
    from aiida.engine import submit as submit_process
    from aiida.orm import StructureData

    from aiida_hpaint.workflows.restore_hydrogen import RestoreHydrogenWorkChain

    host = StructureData(ase=bulk("Li", "fcc", a=4.084))
    dft = {"cutoff_wfc": 40, "kpoints_distance": 0.7}
    dft |= {"scf_threshold": 1e-7, "force_threshold": 2e-3}
    overrides = {"dft": dft, "pinball": {"keep": 1}}
    return submit_process(
        RestoreHydrogenWorkChain.get_builder_from_protocol(
            pw, pp, host, 1, protocol="fast", overrides=overrides, options=OPTIONS["dft"]
        )
    )


def jobs_of(node: Any) -> list[Any]:
    from aiida.orm import CalcJobNode

    return [one for one in node.called_descendants if isinstance(one, CalcJobNode)]


def jobs_of_stage(node: Any, stage: str) -> list[Any]:
    """Jobs of a stage, in all chunks."""
    from aiida.common.links import LinkType

    links = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    stages = [link.node for link in links if link.link_label.startswith(f"{stage}_chunk_")]
    return [job for one in stages for job in jobs_of(one)]


def test_the_funnel_restores_real_crystals(submitted: Any) -> None:
    node = finished(submitted["funnel"], TIMEOUT)
    assert node.outputs.summary["n_restored"] == 2
    for key in node.outputs.structures:
        atoms = node.outputs.structures[key].get_ase()
        symbols = np.array(atoms.get_chemical_symbols())
        oxygen = np.flatnonzero(symbols == "O")
        for atom in np.flatnonzero(symbols == "H"):
            # 0.96 Å in both, by neutron diffraction with corrected thermal motion.
            assert min(atoms.get_distances(atom, oxygen, mic=True)) == pytest.approx(0.96, abs=0.04)


def script_of(job: Any) -> str:
    text: str = job.base.repository.get_object_content("_aiidasubmit.sh")
    return text


def test_each_stage_has_queue_account_walltime_and_devices_of_its_own(submitted: Any) -> None:
    node = finished(submitted["funnel"], TIMEOUT)
    (job,) = jobs_of_stage(node, "sample")
    for line in ("partition=short", "account=samplers", "time=00:20:00", "gres=gpu:1"):
        assert f"#SBATCH --{line}\n" in script_of(job)
    assert "--mem" not in script_of(job)
    environment = environment_of(job)
    assert environment["SLURM_JOB_PARTITION"] == "short"
    assert environment["SLURM_JOB_ACCOUNT"] == "samplers"
    assert environment["SLURM_GPUS_ON_NODE"] == "1"
    for stage in ("score", "relax_inserted", "relax_all"):
        (job,) = jobs_of_stage(node, stage)
        for line in ("partition=long", "account=relaxers", "time=00:50:00", "mem=4096"):
            assert f"#SBATCH --{line}\n" in script_of(job)
        assert "gres" not in script_of(job)
        environment = environment_of(job)
        assert environment["SLURM_JOB_PARTITION"] == "long"
        assert environment["SLURM_CPUS_ON_NODE"] == "2"
        assert (environment["HPAINT_TEST"], environment["OMP_NUM_THREADS"]) == ("relax", "1")
        # It stops in time to write what it has.
        assert 0 < float(environment["AIIDA_HPAINT_WALLTIME"]) < 3000


def test_processes_of_a_job_share_its_hosts(submitted: Any) -> None:
    (job,) = jobs_of_stage(finished(submitted["funnel"], TIMEOUT), "sample")
    samples = job.outputs.structures.batch
    assert [record["stage"] for record in samples.history].count("sample") == 2
    assert set(samples.host_indices.tolist()) == {0, 1}


def left_by(job: Any, name: str) -> str:
    return (Path(job.get_remote_workdir()) / name).read_text()


def environment_of(job: Any) -> dict[str, str]:
    entries = json.loads(left_by(job, "environment.json"))
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def test_jobs_need_nothing_of_the_machine_that_submits_them(submitted: Any) -> None:
    node = finished(submitted["funnel"], TIMEOUT)
    here = (f"{sys.prefix}/", str(ROOT / "aiida_hpaint"), str(ROOT / "tests"))
    for job in jobs_of(node):
        script = script_of(job)
        assert str(PYTHON) in script
        assert not [path for path in here if path in script]
        environment = environment_of(job)
        assert not environment.get("PYTHONPATH")
        assert not {"AIIDA_PATH", "AIIDA_PROFILE", "VIRTUAL_ENV"} & environment.keys()
        assert not [path for path in here if path in "\n".join(environment.values())]
        assert "No module named 'aiida'" in left_by(job, "aiida.txt")
        assert left_by(job, "hidden.txt") == ""


def test_dft_validates_what_was_restored(submitted: Any) -> None:
    node = finished(submitted["validated"], TIMEOUT)
    (lowest,) = node.outputs.validation.structures.values()
    # Octahedral sites are far below tetrahedral ones.
    assert lowest.get_ase().get_distance(0, 1, mic=True) == pytest.approx(2.01, abs=0.05)
    (report,) = node.outputs.validation.reports.values()
    assert report["status"] == "converged"
    jobs = [job for job in jobs_of(node) if job.process_label == "PwCalculation"]
    for line in ("partition=long", "account=electrons", "ntasks-per-node=2"):
        assert f"#SBATCH --{line}\n" in script_of(jobs[0])
    assert "export HPAINT_TEST=dft" in script_of(jobs[0])
    assert "'-np' '2'" in script_of(jobs[0])
    said = jobs[0].outputs.retrieved.base.repository.get_object_content("aiida.out")
    assert "Parallel version (MPI), running on     2 processors" in said


def test_a_model_that_is_only_here_is_sent_along(submitted: Any) -> None:
    node = finished(submitted["validated"], TIMEOUT)
    (job,) = jobs_of_stage(node, "sample")
    (folder,) = job.inputs.upload_files.values()
    sent = folder.base.repository.list_object_names()
    assert sorted(Path(file).suffix for file in sent) == [".json", ".safetensors"]
    there = Path(job.get_remote_workdir(), "model")
    assert sorted(path.name for path in there.iterdir()) == sorted(sent)
    models = node.outputs.samples.base.attributes.get("models")
    assert job.inputs.function_inputs.identity["model"]["sha256"] in [m["sha256"] for m in models]


def test_the_older_transport_does_too(submitted: Any) -> None:
    node = finished(submitted["paramiko"], TIMEOUT)
    assert node.outputs.report["status"] == "finished"
    assert len(node.outputs.structures) == 2
    (job,) = node.called
    assert job.computer.transport_type == "core.ssh"


def test_the_electrostatic_baseline_finds_hydrogen(submitted: Any) -> None:
    node = finished(submitted["hydrogen"], TIMEOUT)
    atoms = node.outputs.structure.get_ase()
    assert atoms.get_chemical_formula() == "HLi"
    assert atoms.get_distance(0, 1, mic=True) == pytest.approx(2.042, abs=0.01)
    labels = {job.process_label for job in jobs_of(node)}
    assert labels == {"PwCalculation", "PpCalculation"}
    assert {job.computer.label for job in jobs_of(node)} == {"hpc-ssh_async"}
