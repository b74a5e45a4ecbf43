"""A tiny package that is compiled by a job, and a restoration that uses what was compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from click import ClickException

from aiida_hpaint.science.relaxation import get_potential
from aiida_hpaint.science.settings import PotentialSettings
from aiida_hpaint.science.structures import StructureBatch, add_sites, from_ase

pytestmark = pytest.mark.usefixtures("profile")
SETTINGS: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 2, "device": "cpu"},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,
    "score": None,
    "search": None,
    "relax_inserted": None,
    "relax_all": {"max_steps": 1},
    "potential": {"name": "nequip-oam-l", "device": "cpu"},
}


def evaluate(path: str, batch: StructureBatch) -> Any:
    settings = PotentialSettings(name="nequip", model=path, device="cpu", trust=True)
    arguments = (batch.numbers, batch.cart_coords, batch.cells, batch.site_counts)
    return get_potential(settings).evaluate(*arguments)


def compile_with(package: Any, code: Any) -> Any:
    from aiida.engine import run_get_node
    from aiida.orm import Str

    from aiida_hpaint.calculations.compile import CompileCalculation

    return run_get_node(CompileCalculation, code=code, potential=package, device=Str("cpu"))[1]


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_what_is_no_package_is_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nequip")
    from aiida_hpaint.calculations.compile import find_compiled
    from aiida_hpaint.cli.setup.potential import compile_for_code
    from aiida_hpaint.science.relaxation.potentials.fetching import fetch_potential
    from aiida_hpaint.workflows.engine.codes import get_default_code
    from aiida_hpaint.workflows.restore.model_files import store_potential

    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    (tmp_path / "broken").write_bytes(b"no package")
    fetch_potential("nequip-oam-l", file=tmp_path / "broken")
    code = get_default_code()
    with pytest.raises(ClickException, match=r"nothing was compiled: .*verdi process report"):
        compile_for_code(None, "nequip-oam-l", code.full_label, "cpu")
    assert f"with {code.full_label}" in capsys.readouterr().out
    _, package = store_potential(PotentialSettings(name="nequip-oam-l"))
    assert find_compiled(package, code, "cpu") is None


@pytest.mark.long  # the compiler of torch takes minutes
def test_restorations_use_what_was_compiled_for_their_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("nequip")
    from aiida_hpaint.science.relaxation.potentials.fetching import fetch_potential
    from aiida_hpaint.workflows.engine.codes import get_default_code
    from aiida_hpaint.workflows.restore.build import build_restore
    from aiida_hpaint.workflows.restore.model_files import store_potential

    frames = [bulk("PdH", "rocksalt", 4.09 + 0.01 * i) for i in range(6)]
    generator = np.random.default_rng(0)
    for atoms in frames:
        atoms.positions += generator.normal(0, 0.05, atoms.positions.shape)
    file = request.getfixturevalue("nequip_package")
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    fetch_potential("nequip-oam-l", file=file)
    settings = PotentialSettings(name="nequip-oam-l", device="cpu")
    _, package = store_potential(settings)
    node = compile_with(package, get_default_code())
    assert node.is_finished_ok, node.exit_message

    compiled = node.outputs.compiled
    target = compiled.base.attributes.get("compiled_for")
    assert target["device"] == "cpu"
    assert set(target) == {"device", "architecture", "torch", "nequip"}
    (tmp_path / compiled.filename).write_bytes(compiled.get_content("rb"))
    batch = from_ase(frames)
    for chosen in (batch, batch[[0]]):
        ours = evaluate(str(tmp_path / compiled.filename), chosen)
        theirs = evaluate(str(file), chosen)
        np.testing.assert_allclose(ours.energies, theirs.energies, atol=1e-6)
        np.testing.assert_allclose(ours.forces, theirs.forces, atol=1e-6)

    host = add_sites(from_ase([bulk("Pd", "fcc", 4.09)]), "H:1")
    graph = build_restore(host, overrides=SETTINGS, upload_potential=True)
    stage = graph.inputs.plan.relax_all
    assert stage.potential.value.uuid == compiled.uuid
    graph.run()
    assert graph.process.is_finished_ok, graph.process.exit_message
    card = graph.process.outputs.samples.batch.history[-1]["model"]
    assert card["name"] == "nequip-oam-l"
    assert card["sha256"] == compiled.base.attributes.get("sha256")
    assert stage.identity.value["model"]["compiled_from"] == package.base.attributes.get("sha256")
