from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from aiida_hpaint.science.diffusion import CheckpointError, find_model
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")


@pytest.fixture
def own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bundled model as a user's file, under a path relative to where the user is."""
    (tmp_path / "models").mkdir()
    bundled = find_model("bundled")
    for suffix in (".safetensors", ".json"):
        content = bundled.with_suffix(suffix).read_bytes()
        (tmp_path / "models" / f"mine{suffix}").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return "models/mine.safetensors"


def plan_of(hosts: StructureBatch, generator: str, **arguments: Any) -> dict[str, Any]:
    # Needs a configured AiiDA to be imported.
    from aiida_hpaint.workflows.restore.build import build_restore

    overrides = {
        "sampling": {"generator": generator, **arguments.pop("sampling", {})},
        "search": None,  # it needs the generator where samples are relaxed, too
    }
    graph = build_restore(hosts, overrides=overrides, **arguments)
    plan: dict[str, Any] = graph.inputs.plan._value
    return plan["sample"]


def elsewhere() -> Any:
    from aiida.orm import Computer, InstalledCode

    computer = Computer(
        label="gpu",
        hostname="gpu.example.org",
        transport_type="core.local",
        scheduler_type="core.direct",
    )
    computer.store()
    code = InstalledCode(label="there", computer=computer, filepath_executable="/opt/python")
    return code.store()


@pytest.fixture(scope="module")
def remote(profile: Any) -> Any:
    return elsewhere()


def test_jobs_on_this_machine_get_an_absolute_path(
    brucite: StructureBatch, own_model: str, tmp_path: Path
) -> None:
    plan = plan_of(brucite, own_model)
    assert plan["settings"]["generator"] == str(tmp_path / own_model)
    sha256 = hashlib.sha256((tmp_path / own_model).read_bytes()).hexdigest()
    assert plan["identity"]["model"]["sha256"] == sha256
    assert "model" not in plan


def test_bundled_models_keep_their_names(brucite: StructureBatch) -> None:
    assert plan_of(brucite, "bundled")["settings"]["generator"] == "bundled"


def test_generators_of_other_packages_keep_their_names(
    brucite: StructureBatch, plugin: Path, remote: Any
) -> None:
    for code in ({}, {"code": {"sample": remote}}):
        plan = plan_of(brucite, "toy", **code)
        assert plan["settings"]["generator"] == "toy"
        assert plan["identity"]["model"]["package_version"] == "1.2"


def test_elsewhere_a_path_is_one_there(brucite: StructureBatch, remote: Any) -> None:
    plan = plan_of(brucite, "~/models/there.safetensors", code={"sample": remote})
    assert plan["settings"]["generator"] == "~/models/there.safetensors"
    assert plan["identity"]["model"] == {"name": "~/models/there.safetensors"}


def test_a_model_that_is_sent_along_is_one_node(
    brucite: StructureBatch, own_model: str, tmp_path: Path, remote: Any
) -> None:
    plan = plan_of(brucite, own_model, code={"sample": remote}, upload_model=True)
    folder = plan["model"]
    # Another test may have stored the same model under another name.
    card, weights = sorted(folder.base.repository.list_object_names())
    assert (Path(card).suffix, Path(weights).suffix) == (".json", ".safetensors")
    assert plan["settings"]["generator"] == f"model/{weights}"
    content = folder.base.repository.get_object_content(weights, mode="rb")
    assert content == (tmp_path / own_model).read_bytes()
    assert folder.base.attributes.get("sha256") == plan["identity"]["model"]["sha256"]
    again = plan_of(brucite, own_model, upload_model=True)
    assert again["model"].uuid == folder.uuid


def test_what_is_not_here_cannot_be_sent(brucite: StructureBatch, remote: Any) -> None:
    with pytest.raises(CheckpointError, match=r"no model 'nowhere\.safetensors'"):
        plan_of(brucite, "nowhere.safetensors", code={"sample": remote}, upload_model=True)
    with pytest.raises(ValueError, match="generator random has no model file that could be sent"):
        plan_of(brucite, "random", upload_model=True)


def test_a_recording_is_checked_before_anything_is_submitted(
    brucite: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_hpaint.science.diffusion.sampling import schedule

    with pytest.raises(ValueError, match="random has no trajectory: choose a diffusion model"):
        plan_of(brucite, "random", sampling={"record": 1})
    monkeypatch.setattr(schedule, "LARGEST_RECORDING", 10_000)
    plan_of(brucite, "bundled", sampling={"record": 10, "samples": 40})
    with pytest.raises(ValueError, match="recording 25 steps of 80 sites takes"):
        plan_of(brucite, "bundled", sampling={"record": 1, "samples": 40})


def test_a_model_elsewhere_has_its_card_there(brucite: StructureBatch) -> None:
    from aiida_hpaint.workflows.restore.model_files import check_recording

    settings = SamplingSettings(generator="there.safetensors", record=1)
    check_recording(settings, [brucite])


def test_over_ssh_localhost_is_elsewhere(brucite: StructureBatch, own_model: str) -> None:
    from aiida.orm import Computer, InstalledCode

    computer = Computer(
        label="tunnel",
        hostname="localhost",
        transport_type="core.ssh_async",
        scheduler_type="core.slurm",
    ).store()
    code = InstalledCode(label="there", computer=computer, filepath_executable="/opt/python")
    with pytest.raises(ValueError, match="the jobs run with there@tunnel, where a relative path"):
        plan_of(brucite, own_model, code={"sample": code.store()})


def test_a_relative_path_leads_nowhere_elsewhere(
    brucite: StructureBatch, own_model: str, remote: Any
) -> None:
    with pytest.raises(ValueError, match=r"generator models/mine\.safetensors: .* --upload-model"):
        plan_of(brucite, own_model, code={"sample": remote})
    with pytest.raises(ValueError, match=r"potential models/mine\.nequip\.zip: the jobs run with"):
        relaxing(brucite, "models/mine.nequip.zip", remote)


def relaxing(hosts: StructureBatch, model: str, code: Any) -> dict[str, Any]:
    from aiida_hpaint.workflows.restore.build import build_restore

    potential = {"name": "nequip", "model": model, "trust": True}
    graph = build_restore(hosts, overrides={"potential": potential}, code={"relax": code})
    plan: dict[str, Any] = graph.inputs.plan._value
    found: dict[str, Any] = plan["relax_all"]["settings"]["potential"]
    return found


def test_files_of_potentials_are_found_from_any_folder(
    brucite: StructureBatch, own_model: str, tmp_path: Path, remote: Any
) -> None:
    (tmp_path / "models" / "mine.nequip.zip").write_bytes(b"model")
    found = relaxing(brucite, "models/mine.nequip.zip", None)
    assert found["model"] == str(tmp_path / "models" / "mine.nequip.zip")
    assert relaxing(brucite, "~/mine.nequip.zip", remote)["model"] == "~/mine.nequip.zip"


def test_codes_remember_the_options_of_their_jobs(brucite: StructureBatch, remote: Any) -> None:
    from aiida_hpaint.workflows.engine.options import save_options

    save_options(remote, {"queue_name": "gpu", "account": "mat1"})
    plan = plan_of(brucite, "bundled", code={"sample": remote})
    assert plan["options"]["queue_name"] == "gpu"
    options = {"sample": {"queue_name": "long"}}
    plan = plan_of(brucite, "bundled", code={"sample": remote}, options=options)
    assert (plan["options"]["queue_name"], plan["options"]["account"]) == ("long", "mat1")
    assert plan["options"]["withmpi"] is False


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file that was fetched as a published potential; nothing loads it."""
    from aiida_hpaint.science.relaxation.potentials.fetching import fetch_potential

    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    (tmp_path / "downloaded").write_bytes(b"weights")
    sha256: str = fetch_potential("nequip-oam-l", file=tmp_path / "downloaded")["sha256"]
    return sha256


def relaxation_of(hosts: Any, potential: dict[str, Any], **arguments: Any) -> Any:
    from aiida_hpaint.workflows.restore.build import build_restore

    overrides = {"sampling": {"generator": "random"}, "search": None, "potential": potential}
    plan: Any = build_restore(hosts, overrides=overrides, **arguments).inputs.plan._value
    return plan["relax_all"]


def test_a_potential_that_is_sent_along_is_one_node_with_its_licence(
    brucite: StructureBatch, package: str, remote: Any
) -> None:
    potential = {"name": "nequip-oam-l"}
    plan = relaxation_of(brucite, potential, code={"relax": remote}, upload_potential=True)
    node = plan["potential"]
    assert node.filename == "nequip-oam-l.nequip.zip"
    assert node.get_content("rb") == b"weights"
    assert node.base.attributes.get("sha256") == package == plan["identity"]["model"]["sha256"]
    assert node.base.attributes.get("card")["source"] == "nequip.net:mir-group/NequIP-OAM-L:0.1"
    assert node.base.attributes.get("card")["licence"]
    sent = plan["settings"]["potential"]
    assert (sent["model"], sent["trust"]) == ("nequip-oam-l.nequip.zip", True)
    again = relaxation_of(brucite, potential, upload_potential=True)
    assert again["potential"].uuid == node.uuid


def test_a_fetched_potential_is_a_path_here_and_a_name_elsewhere(
    brucite: StructureBatch, package: str, remote: Any, tmp_path: Path
) -> None:
    potential = {"name": "nequip-oam-l"}
    here = relaxation_of(brucite, potential)
    path = tmp_path / "models" / "potentials" / "nequip-oam-l.nequip.zip"
    assert here["settings"]["potential"]["model"] == str(path)
    there = relaxation_of(brucite, potential, code={"relax": remote})
    assert there["settings"]["potential"]["model"] is None
    assert there["identity"]["model"]["sha256"] == package
    assert "potential" not in {*here, *there}


def test_potentials_that_cannot_be_sent(brucite: StructureBatch, remote: Any) -> None:
    with pytest.raises(ValueError, match="sevennet-0 has no file that could be sent"):
        relaxation_of(brucite, {"name": "sevennet-0"}, upload_potential=True)
    own = {"name": "nequip", "model": "no.nequip.zip", "trust": True}
    with pytest.raises(ValueError, match=r"there is no file no\.nequip\.zip here to be sent"):
        relaxation_of(brucite, own, code={"relax": remote}, upload_potential=True)
    with pytest.raises(ValueError, match=r"nowhere: give .* it with --upload-potential"):
        relaxation_of(brucite, own, code={"relax": remote})
    with pytest.raises(ValueError, match="models fetch nequip-oam-xl"):
        relaxation_of(brucite, {"name": "nequip-oam-xl"})
