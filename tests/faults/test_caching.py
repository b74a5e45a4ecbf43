"""What is found in AiiDA's cache: the same hosts, settings, weights and code, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aiida_hpaint import __version__
from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")

PYTHONJOB = "aiida.calculations:pythonjob.pythonjob"
IDENTITIES: dict[str, dict[str, Any]] = {
    "sample": {"version": __version__, "source": "0a", "model": {"name": "random"}, "seed": 7},
    "relax_all": {
        "version": __version__,
        "source": "0a",
        "model": {"name": "harmonic", "package": "hpaint-test-potentials", "sha256": "0" * 64},
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "sample": {"generator": "random", "samples": 2, "seed": 7, "symmetry": {}, "filter": {}},
    "relax_all": {
        "relaxation": {"moving": "all", "max_steps": 2},
        "potential": {"name": "harmonic", "device": "cpu"},
    },
}

Change = Callable[[dict[str, Any]], None]


def inputs_of(stage: str, hosts: StructureBatch, change: Change | None = None) -> dict[str, Any]:
    from copy import deepcopy

    from aiida.orm import Dict, Str

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.engine.codes import get_default_code
    from aiida_hpaint.workflows.engine.options import complete_job_options

    given: dict[str, Any] = {
        "structures": hosts,
        "settings": deepcopy(SETTINGS[stage]),
        "identity": deepcopy(IDENTITIES[stage]),
        "options": {},
    }
    if change is not None:
        change(given)
    return {
        "stage": Str(stage),
        "structures": StructureBatchData(given["structures"]),
        "settings": Dict(given["settings"]),
        "identity": Dict(given["identity"]),
        "code": get_default_code(),
        "options": Dict(complete_job_options(stage, given["options"])),
    }


def stored_job(inputs: dict[str, Any]) -> Any:
    """The job of a stage as AiiDA stores it: from the cache if there is one like it.

    It does not run.
    """
    from aiida.engine import ProcessState
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager
    from aiida.manage.caching import enable_caching

    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    def keep(process: Any, **given: Any) -> Any:
        given["metadata"].pop("call_link_label")
        node = instantiate_process(runner, process, **given).node
        found.append(node)
        if not node.base.caching.is_created_from_cache:
            node.set_process_state(ProcessState.KILLED)
            node.seal()
        return node

    runner: Any = get_manager().create_runner(communicator=None)
    found: list[Any] = []
    chain = instantiate_process(runner, StageWorkChain, **inputs)
    chain.submit = keep
    chain.start()
    with enable_caching(identifier=PYTHONJOB):
        chain.run_job()
    chain.node.set_process_state(ProcessState.KILLED)
    chain.node.seal()
    return found[0]


@pytest.fixture(scope="module")
def batch() -> StructureBatch:
    """A crystal that no other test has, with and without positions of its hydrogen."""
    from pathlib import Path

    from aiida_hpaint.science.structures import add_sites, read_hosts

    root = Path(__file__).parents[2]
    host = add_sites(read_hosts(root / "examples" / "hosts" / "brucite.cif"), "H:2")
    return replace(host, cells=host.cells * 1.0123, labels=("cached",))


@pytest.fixture(scope="module")
def done(profile: Any, batch: StructureBatch) -> dict[str, Any]:
    """For each stage its structures and the job that ran, which any other may be taken from."""
    from aiida.engine import run_get_node
    from aiida.orm import load_node

    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    placed = np.nan_to_num(batch.frac_coords, nan=0.4)
    samples = batch.with_coords(placed).with_scalars(host=[0], sample=[0], status=["sampled"])
    found: dict[str, Any] = {}
    for stage, structures in (("sample", batch), ("relax_all", samples)):
        _, node = run_get_node(StageWorkChain, **inputs_of(stage, structures))
        assert node.is_finished_ok
        assert node.outputs.report["status"] == "finished", node.outputs.report.get_dict()
        found[stage] = (structures, load_node(node.called[0].pk))
    return found


def put(where: str, name: str, value: Any) -> Change:
    def change(given: dict[str, Any]) -> None:
        mapping = given[where]
        *parents, last = name.split(".")
        for parent in parents:
            mapping = mapping.setdefault(parent, {})
        mapping[last] = value

    return change


def moved(given: dict[str, Any]) -> None:
    batch = given["structures"]
    coords = batch.frac_coords.copy()
    coords[0, 0] += 1e-6
    given["structures"] = batch.with_coords(coords)


def relabelled(given: dict[str, Any]) -> None:
    given["structures"] = replace(given["structures"], labels=("another name",))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["sample", "relax_all"])
def test_the_same_job_is_taken_from_the_cache(done: dict[str, Any], stage: str) -> None:
    structures, job = done[stage]
    again = stored_job(inputs_of(stage, structures))
    assert again.base.caching.get_cache_source() == job.uuid
    assert again.outputs.structures.batch.equals(job.outputs.structures.batch)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("sample", moved),
        ("sample", relabelled),
        ("sample", put("settings", "seed", 8)),
        ("sample", put("settings", "samples", 3)),
        ("sample", put("settings", "redraws", 1)),
        ("sample", put("settings", "symmetry.tolerance", 0.06)),
        ("sample", put("settings", "filter.same", 0.31)),
        ("sample", put("identity", "version", "0.0.1")),
        ("sample", put("identity", "source", "0b")),
        ("sample", put("identity", "model.sha256", "0c")),
        ("sample", put("identity", "model.card", "0d")),
        ("relax_all", moved),
        ("relax_all", relabelled),
        ("relax_all", put("settings", "relaxation.fmax", 0.06)),
        ("relax_all", put("settings", "relaxation.max_steps", 3)),
        ("relax_all", put("settings", "potential.name", "sevennet-l3i5")),
        ("relax_all", put("settings", "select", {"keep": 1, "window": 0.0, "same": 0.3})),
        ("relax_all", put("identity", "version", "0.0.1")),
        ("relax_all", put("identity", "model.package_version", "0.12")),
        ("relax_all", put("identity", "model.sha256", "0e")),
    ],
)
def test_any_change_is_computed(done: dict[str, Any], stage: str, change: Change) -> None:
    structures, _ = done[stage]
    job = stored_job(inputs_of(stage, structures, change))
    assert not job.base.caching.is_created_from_cache


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("sample", put("identity", "model", {"name": "there.safetensors"})),
        ("sample", put("identity", "source", None)),
        ("sample", put("identity", "model", {})),
        ("relax_all", put("identity", "model", {"name": "sevennet", "package_version": "0.11"})),
        ("relax_all", put("identity", "model", {"name": "sevennet-0", "package": "sevenn"})),
        ("relax_all", put("identity", "model", {"name": "harmonic", "package_version": "1.0"})),
        ("relax_all", put("identity", "source", None)),
    ],
)
def test_what_is_not_proved_is_never_taken(
    done: dict[str, Any], stage: str, change: Change
) -> None:
    from aiida.engine import ProcessState

    structures, _ = done[stage]
    first = stored_job(inputs_of(stage, structures, change))
    # As if it had finished: the next one is like it in every respect, and is computed all the same.
    assert first.process_state is ProcessState.KILLED
    metadata = first.get_metadata_inputs() or {}
    assert metadata["metadata"]["disable_cache"]


def test_only_what_was_made_as_named_is_kept_for_others() -> None:
    from aiida_hpaint.calculations.identity import is_consistent

    model = {"name": "sevennet-0", "package": "sevenn", "package_version": "0"}
    identity = {**IDENTITIES["relax_all"], "model": model}
    record = {"stage": "relax_all", "model": {"name": "sevennet-0", "sha256": "0f"}}
    other = {"stage": "relax_all", "model": {"name": "sevennet-0", "package_version": "0.10"}}
    same = {"stage": "relax_all", "model": {"name": "sevennet-0", "package_version": "0"}}
    assert is_consistent(identity, [record])
    assert is_consistent(identity, [other, same, {"stage": "symmetry"}])
    assert not is_consistent(identity, [same, other])
    assert not is_consistent({"model": {"sha256": "0e"}}, [record])
    assert is_consistent({"version": __version__}, [])


def test_nothing_is_cached_unless_asked_for() -> None:
    from aiida.manage.caching import get_use_cache

    assert not get_use_cache(identifier=PYTHONJOB)


@pytest.mark.parametrize("here", [True, False])
def test_code_under_development_is_named_by_its_files(
    here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_hpaint.calculations import identity
    from aiida_hpaint.science.environment.probe import hash_package_source
    from aiida_hpaint.science.settings import PotentialSettings, SamplingSettings

    for release in (True, False):
        monkeypatch.setattr(identity, "is_release", lambda release=release: release)
        for found in (
            identity.identify_sampling(SamplingSettings(), here),
            identity.identify_relaxation(PotentialSettings(), here),
        ):
            source = found.get("source", "none")
            expected = "none" if release else hash_package_source("aiida_hpaint") if here else None
            assert source == expected
            assert identity.is_complete(found) == (release or here)
