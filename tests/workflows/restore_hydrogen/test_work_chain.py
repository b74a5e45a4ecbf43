"""The baseline with real pw.x and pp.x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from processes import ended
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

pytestmark = pytest.mark.dft

TIMEOUT = 1800
OVERRIDES: dict[str, Any] = {
    "dft": {
        "cutoff_wfc": 40,
        "kpoints_distance": 0.7,
        "force_threshold": 2e-3,
        "scf_threshold": 1e-7,
    },
}
# Cells and positions as published, from neutron diffraction.
CRYSTALS = {
    "LiH": Structure(
        Lattice([[0, 2.042, 2.042], [2.042, 0, 2.042], [2.042, 2.042, 0]]),
        ["Li", "H"],
        [[0, 0, 0], [0.5, 0.5, 0.5]],
    ),
    "Mg(OH)2": Structure.from_spacegroup(
        "P-3m1",
        Lattice.hexagonal(3.150, 4.770),
        ["Mg", "O", "H"],
        [[0, 0, 0], [1 / 3, 2 / 3, 0.2203], [1 / 3, 2 / 3, 0.413]],
    ),
}

Build = Callable[..., Any]


def host(name: str) -> Any:
    from aiida.orm import StructureData

    structure = CRYSTALS[name].copy()
    structure.remove_species(["H"])
    node = StructureData(pymatgen=structure)
    node.label = name
    return node


@pytest.fixture
def build(pw_code: Any, pp_code: Any, pseudo_family: str) -> Build:
    def build(name: str, overrides: dict[str, Any] | None = None, count: int | None = None) -> Any:
        from aiida_hpaint.science.protocols import merge_settings
        from aiida_hpaint.workflows.restore_hydrogen import RestoreHydrogenWorkChain

        return RestoreHydrogenWorkChain.get_builder_from_protocol(
            pw_code,
            pp_code,
            host(name),
            count or int(CRYSTALS[name].composition["H"]),
            protocol="fast",
            overrides=merge_settings(OVERRIDES, overrides or {}),
        )

    return build


def run(builder: Any) -> Any:
    from aiida.engine import run_get_node

    return run_get_node(builder)[1]


def test_hydrogen_comes_back(lithium_hydride: Any) -> None:
    check_restored(lithium_hydride, "LiH")


@pytest.mark.long  # The same with two sites, of which more than one arrangement is relaxed.
@pytest.mark.usefixtures("daemon")
def test_hydrogen_of_hydroxides_comes_back(build: Build) -> None:
    from aiida.engine import submit

    # Enough arrangements for the known one to be among them.
    builder = build("Mg(OH)2", {"pinball": {"keep": 3}})
    check_restored(ended(submit(builder), TIMEOUT), "Mg(OH)2")


def check_restored(node: Any, name: str) -> None:
    assert node.is_finished_ok, node.exit_message
    restored = node.outputs.structure.get_pymatgen()
    assert StructureMatcher().fit(restored, CRYSTALS[name])
    np.testing.assert_allclose(restored.lattice.matrix, CRYSTALS[name].lattice.matrix, atol=1e-6)
    report = node.outputs.report.get_dict()
    assert report["status"] == "finished"
    assert report["missing"] == 0
    assert report["final"]["status"] == "converged"
    assert sum(one["placed"] for one in report["rounds"]) == CRYSTALS[name].composition["H"]
    assert report["scf_iterations"] > 0
    check_provenance(node)


def check_provenance(node: Any) -> None:
    """From the structure back to the potential that offered its sites."""
    assert node.outputs.structure.creator.process_label == "PwCalculation"
    assert node.outputs.arrangements.round_1.creator.process_label == "arrange_sites"
    sites = node.outputs.arrangements.round_1.creator.inputs.sites
    assert sites.creator.process_label == "find_peaks"
    assert sites.creator.inputs.potential.creator.process_label == "PpCalculation"


def test_a_density_that_does_not_converge_has_an_exit_code(build: Build) -> None:
    node = run(build("LiH", {"dft": {"scf_steps": 2, "scf_threshold": 1e-14}}))
    assert node.exit_status == 401
    assert "did not converge" in node.exit_message
    assert node.outputs.report["missing"] == 1
    assert node.outputs.structure.get_formula() == "Li"


def test_a_maximum_on_top_of_an_atom_holds_nothing(build: Build) -> None:
    node = run(build("LiH", {"peaks": {"min_to_host": 3.0}}))
    assert node.exit_status == 403
    [only] = node.outputs.report["rounds"]
    assert only["sites"] == 0
    assert sum(only["left_out"].values()) > 0


def test_there_is_a_limit_of_rounds_and_what_was_reached_stays(build: Build) -> None:
    builder = build("LiH")
    builder.max_rounds = 0
    node = run(builder)
    assert node.exit_status == 405
    assert "1 sites are still missing" in node.exit_message
    assert node.outputs.structure.get_formula() == "Li"


def test_fewer_sites_than_are_missing_take_another_round(build: Build) -> None:
    """Only the octahedral site at first; the tetrahedral ones are too close to it."""
    node = run(build("LiH", {"peaks": {"min_between": 2.0}, "pinball": {"keep": 1}}, count=2))
    assert node.is_finished_ok, node.exit_message
    rounds = node.outputs.report["rounds"]
    assert [(one["missing"], one["placed"]) for one in rounds] == [(2, 1), (1, 1)]
    assert node.outputs.structure.get_formula() == "H2Li"
    first = node.outputs.arrangements.round_1.batch
    np.testing.assert_allclose(first.frac_coords[-1], 0.5, atol=0.01)


def test_a_relaxation_that_fails_leaves_what_was_placed(build: Build) -> None:
    builder = build("LiH", {"pinball": {"keep": 1}})
    parameters = builder.relax_inserted.base_relax.pw.parameters.get_dict()
    parameters["ELECTRONS"] |= {"electron_maxstep": 1, "conv_thr": 1e-16}
    builder.relax_inserted.base_relax.pw.parameters = parameters
    builder.relax_inserted.base_relax.max_iterations = 1
    node = run(builder)
    assert node.exit_status == 406
    assert len(node.outputs.arrangements.round_1) >= 1
    [only] = node.outputs.report["rounds"]
    assert {one["status"] for one in only["arrangements"]} == {"failed"}
