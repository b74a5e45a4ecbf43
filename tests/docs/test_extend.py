"""Every block of the page on extensions runs, and each extension is used where it should be."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from page_blocks import install_package, read_blocks

from aiida_hpaint.cli import main
from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.relaxation import get_potential, list_potentials
from aiida_hpaint.science.settings import PotentialSettings, SamplingSettings
from aiida_hpaint.science.structures import StructureBatch

ROOT = Path(__file__).parents[2]
BLOCKS = read_blocks(ROOT / "docs" / "how-to" / "extend.md")


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `host.cif` and the package of the page, which is installed."""
    install_package(BLOCKS, tmp_path)
    shutil.copy(ROOT / "examples" / "hosts" / "brucite.cif", tmp_path / "host.cif")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


def run_section(title: str) -> dict[str, Any]:
    """Run the blocks of a section that are no files, one after the other; return the names."""
    names: dict[str, Any] = {}
    for block in BLOCKS:
        if block.section == title and block.language == "python" and block.file is None:
            exec(block.text, names)
    return names


@pytest.mark.slow
def test_a_calculator_relaxes() -> None:
    samples = run_section("A potential")["restoration"].samples
    assert np.isfinite(samples.scalars["energy"]).any()
    cards = [record.get("model", {}).get("name") for record in samples.history]
    assert cards.count("lennardjones") == 3


def test_forces_of_the_potential_are_gradients(brucite: StructureBatch) -> None:
    assert "repulsion" in [info.name for info in list_potentials()]
    potential = get_potential(PotentialSettings(name="repulsion", device="cpu"))
    batch = brucite.with_coords(np.random.default_rng(0).random((5, 3)))
    rest = (batch.cells, batch.site_counts)
    forces = potential.evaluate(batch.numbers, batch.cart_coords, *rest).forces
    step = np.zeros((5, 3))
    step[3, 1] = 1e-4
    up, down = (
        potential.evaluate(batch.numbers, batch.cart_coords + sign * step, *rest).energies[0]
        for sign in (1, -1)
    )
    assert forces[3, 1] == pytest.approx(-(up - down) / 2e-4, rel=1e-4)


@pytest.mark.slow
def test_an_object_generates_for_a_restoration() -> None:
    samples = run_section("A generator")["restoration"].samples
    assert samples.history[0]["model"] == {"name": "uniform"}


def test_a_generator_is_found_by_its_name_and_taken_as_an_object(brucite: StructureBatch) -> None:
    named = generate(brucite, SamplingSettings(generator="uniform", samples=2))
    from my_package.uniform import Uniform

    settings = SamplingSettings(samples=2)
    assert generate(brucite, settings, generator=Uniform()).frac_coords.tolist() == (
        named.frac_coords.tolist()
    )
    assert named.history[0]["model"]["package_version"] == "1.0"


def test_the_loop_and_a_corrector_of_ones_own_sample() -> None:
    names = run_section("A sampling step")
    crystals, unknown = names["crystals"], names["unknown"]
    assert np.isfinite(crystals.frac.numpy()).all()
    np.testing.assert_allclose(crystals.frac[0, ~unknown].numpy(), names["start"][~unknown])
    model = names["restoration"].samples.history[0]["model"]
    assert model["corrector"] == "fixed steps of 0.02"
    settings = SamplingSettings(samples=1, steps=3)
    ours, plain = (
        generate(names["hosts"], settings, generator=made)
        for made in (names["FixedSteps"]("bundled"), None)
    )
    assert not np.allclose(ours.frac_coords[unknown], plain.frac_coords[unknown])


def test_a_command_is_listed_without_its_module_and_runs() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    assert "density" in output
    assert "from the package my-package" in output
    assert "my_package.density" not in sys.modules
    result = CliRunner().invoke(main, ["density", "host.cif"])
    assert result.output == "host: 2.281 g/cm³\n"
    assert "Print the density of FILES" in CliRunner().invoke(main, ["density", "--help"]).output


@pytest.mark.usefixtures("profile")
def test_a_graph_contains_a_restoration() -> None:
    graph = run_section("A task of your own in a workflow")["graph"]
    assert {"restore", "compute_volumes"} <= {task.name for task in graph.tasks}


@pytest.mark.slow
@pytest.mark.usefixtures("profile")
def test_the_graph_measures_what_it_restores() -> None:
    names = run_section("A task of your own in a workflow")
    settings = names["load_protocol"](
        "fast",
        {
            "sampling": {"generator": "random", "samples": 1},
            "symmetry": {"wyckoff": 0},
            "score": None,
            "search": None,
            "relax_inserted": None,
            "relax_all": {"max_steps": 1},
            "checks": None,
        },
    )
    graph = names["restore_and_measure"].build(
        **names["make_restore_inputs"](names["hosts"], settings)
    )
    graph.run()
    outputs = graph.process.outputs
    assert len(outputs.samples) == 1
    assert outputs.volumes.get_dict() == {
        "host_00000": pytest.approx(abs(np.linalg.det(outputs.samples.batch.cells[0])))
    }
