"""Validations through the daemon with pw.x, and what is refused before anything is submitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from processes import finished

from aiida_hpaint.science.protocols.dft import load_validation_settings
from aiida_hpaint.science.structures import StructureBatch, add_sites, from_ase

TIMEOUT = 900
CHEAP = {"cutoff_wfc": 30, "kpoints_distance": 0.7, "scf_threshold": 1e-7, "max_jobs": 2}


def lih(prototype: str = "rocksalt", shift: float = 0.0) -> Atoms:
    atoms = bulk("LiH", prototype, a=4.02)
    atoms.positions[1] += shift
    return atoms


def named(frames: list[Atoms], *labels: str) -> StructureBatch:
    return replace(from_ase(frames), labels=labels)


@pytest.mark.dft
@pytest.mark.usefixtures("profile", "pw_code", "pseudo_family")
@pytest.mark.parametrize(
    ("samples", "references", "more", "message"),
    [
        (named([Atoms("EuH", cell=[4, 4, 4], pbc=True)], "a"), None, {}, "has none for Eu"),
        (named([lih()], "a"), None, {"code": "none@localhost"}, "setup dft"),
        (named([lih()], "a"), None, {"options": {"walltime": 5}}, "no option 'walltime'"),
        (
            named([lih()], "a"),
            named([lih()] * 2, "b", "c"),
            {},
            r"2 references for 1 hosts.*labels of the hosts \(a\)",
        ),
        (named([lih()], "a"), named([lih()] * 2, "a", "a"), {}, "two references have the same"),
        (
            named([lih()], "a"),
            named([bulk("NaH", "rocksalt", a=4.9)], "a"),
            {},
            r"reference a has H1 Na1, but a has H1 Li1",
        ),
        (
            named([lih()], "a").with_scalars(host=[0], rank=[-1]),
            None,
            {},
            "no candidate to relax: no sample has a rank",
        ),
        (add_sites(named([bulk("Li", "fcc", a=4.02)], "a"), "H:1"), None, {}, "a: some sites have"),
    ],
)
def test_what_cannot_be_validated_is_refused(
    samples: StructureBatch, references: StructureBatch | None, more: Any, message: str
) -> None:
    from aiida.orm import ProcessNode, QueryBuilder

    from aiida_hpaint.workflows.validate.build import build_validate

    before = QueryBuilder().append(ProcessNode).count()
    with pytest.raises(ValueError, match=message):
        build_validate(samples, references, **more)
    assert QueryBuilder().append(ProcessNode).count() == before


@pytest.mark.dft
@pytest.mark.usefixtures("profile", "pw_code")
def test_a_builder_takes_overrides_of_settings_and_of_pw() -> None:
    from aiida.plugins import WorkflowFactory

    build = WorkflowFactory("hpaint.validate").get_builder_from_protocol
    pw = {"parameters": {"SYSTEM": {"nosym": True}}}
    given = {"candidates": 2, "dft": {"cutoff_wfc": 33}, "base": {"pw": pw}, "max_iterations": 3}
    built = build(protocol="fast", overrides=given)
    assert (built.settings["candidates"], built.settings["dft"]["cutoff_wfc"]) == (2, 33)
    assert built.overrides.get_dict() == {"pw": pw, "max_iterations": 3}
    assert "overrides" not in build(protocol="fast")._inputs(prune=True)
    with pytest.raises(ValueError, match="did you mean candidates"):
        build(overrides={"candidate": 2})


@pytest.mark.usefixtures("profile")
def test_references_go_with_labels_or_in_order() -> None:
    from aiida_hpaint.workflows.validate.build import assign_to_hosts, make_candidates

    samples = make_candidates(named([lih(), lih()], "a", "b")).batch
    assert samples.scalars["host"].tolist() == [0, 1]
    others = named([lih(), lih(), lih()], "z", "b", "a")
    found = assign_to_hosts(others, samples).batch
    assert (found.labels, found.scalars["host"].tolist()) == (("b", "a"), [1, 0])
    ordered = assign_to_hosts(named([lih(), lih()], "x", "y"), samples).batch
    assert ordered.scalars["host"].tolist() == [0, 1]


@pytest.mark.dft
@pytest.mark.usefixtures("daemon", "pw_code", "pseudo_family")
def test_one_bad_structure_leaves_the_others_standing() -> None:
    from aiida_hpaint.workflows.validate.build import build_validate

    overlapping = lih()
    overlapping.positions[1] = overlapping.positions[0] + 1e-5
    frames = [lih(shift=0.02), lih("zincblende"), overlapping]
    samples = named(frames, "LiH", "LiH", "bad").with_scalars(
        host=[0, 0, 1], rank=[0, 1, 0], energy_above_best=[0.0, 0.08, 0.0]
    )
    references = named([lih()], "LiH")
    settings = load_validation_settings("fast", {"candidates": 2, "margin": 0.1, "dft": CHEAP})
    nested = {"pw": {"parameters": {"ELECTRONS": {"mixing_beta": 0.6}}}}
    graph = build_validate(samples, references, settings, nested=nested)
    graph.submit()
    node = finished(graph.process, TIMEOUT, 410)
    jobs = [one for one in node.called_descendants if one.process_label == "PwCalculation"]
    assert {one.inputs.parameters["ELECTRONS"]["mixing_beta"] for one in jobs} == {0.6}
    summary = node.outputs.summary.get_dict()
    assert (summary["hosts"], summary["with_reference"], summary["compared"]) == (2, 1, 1)
    assert summary["match"]["value"] == summary["les"]["value"] == 1.0
    assert abs(summary["energy_difference"]["median"]) < 2
    assert summary["first_stays_first"]["value"] == 1.0
    (failed,) = summary["failed"]
    assert (failed["label"], failed["role"]) == ("bad", "candidate")
    assert "overlap" in failed["message"]
    assert list(node.outputs.structures) == ["host_00000"]
    lowest = node.outputs.structures.host_00000
    assert lowest.label == "LiH"
    assert lowest.base.attributes.get("hpaint")["rank"] == 0
    assert node.outputs.reports.host_00001_rank_000["status"] == "failed"
    # Zincblende is higher by some 0.1 eV an atom, and symmetry keeps it there.
    rows = node.outputs.table.get_content().splitlines()
    wrong = dict(zip(rows[0].split(","), rows[2].split(","), strict=False))
    assert wrong["rank"] == "1"
    assert 0.05 < float(wrong["above_reference"]) < 0.2
    assert (wrong["match_before"], wrong["match_after"]) == ("False", "False")
    check_what_is_shown(node)


def check_what_is_shown(node: Any) -> None:
    from click.testing import CliRunner

    from aiida_hpaint.cli import main
    from aiida_hpaint.science.structures import read_hosts
    from aiida_hpaint.workflows.validate.results import count_dft_progress

    assert count_dft_progress(node) == (4, 4)
    runner = CliRunner()
    with runner.isolated_filesystem():
        result = runner.invoke(main, ["validate", "--show", str(node.pk), "-o", "found"])
        assert result.exit_code == 1
        assert "Without energy: bad, candidate 1: " in result.output
        assert "Lowest by DFT against 1 references: 100 % match" in result.output
        assert read_hosts("found/LiH_dft.cif").n_sites == 2
    wrong = runner.invoke(main, ["validate", "--show", str(node.outputs.summary.pk)])
    assert "is not a process but Dict" in wrong.output
    none = runner.invoke(main, ["validate", str(node.pk)])
    assert "has no samples: give a restoration or a benchmark" in none.output


@pytest.mark.dft
@pytest.mark.usefixtures("daemon", "pw_code", "pseudo_family")
def test_dft_chooses_in_a_restoration() -> None:
    from click.testing import CliRunner

    from aiida_hpaint.cli import main
    from aiida_hpaint.workflows.restore.build import build_restore

    metal = named([bulk("Li", "fcc", a=4.02)], "LiH")
    settings = {
        "sampling": {"generator": "random", "samples": 1, "device": "cpu"},
        "symmetry": {"symmetrised": False, "wyckoff": 4, "refine": 0.02},
        "checks": None,  # relaxations end early
        "score": None,
        "search": None,
        "potential": {"device": "cpu"},
        "relax_inserted": {"max_steps": 1, "give_up_above": None},
        "relax_all": {"max_steps": 0},
        "keep": 2,
        "keep_window": 0.0,
        "validation": {
            "candidates": None,
            "dft": CHEAP,
            "base": {"pw": {"parameters": {"ELECTRONS": {"mixing_beta": 0.6}}}},
        },
    }
    graph = build_restore(add_sites(metal, "H:1"), overrides=settings)
    graph.submit()
    node = finished(graph.process, TIMEOUT)
    jobs = [one for one in node.called_descendants if one.process_label == "PwCalculation"]
    assert {one.inputs.parameters["ELECTRONS"]["mixing_beta"] for one in jobs} == {0.6}
    validation = node.outputs.validation
    assert validation.summary["hosts"] == 1
    assert len(validation.reports) == 2
    (lowest,) = validation.structures.values()
    chosen = lowest.base.attributes.get("hpaint")
    assert chosen["inserted"] == [1]
    # Octahedral sites are far below tetrahedral ones.
    distance = np.linalg.norm(lowest.get_ase().get_distance(0, 1, mic=True))
    assert distance == pytest.approx(2.01, abs=0.05)
    runner = CliRunner()
    with runner.isolated_filesystem():
        shown = runner.invoke(main, ["results", str(node.pk), "-o", "found"])
        assert shown.exit_code == 0, shown.output
        assert Path("found/LiH_dft.cif").exists()
    assert "relax by DFT: 2 of 2" in runner.invoke(main, ["status", str(node.pk)]).output


@pytest.mark.dft
@pytest.mark.usefixtures("pw_code", "pseudo_family")
def test_where_nothing_was_restored_there_is_nothing_to_validate() -> None:
    from aiida_workgraph import WorkGraph

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.science.settings import ValidationSettings
    from aiida_hpaint.workflows.restore.graph import add_validation
    from aiida_hpaint.workflows.validate.build import build_validation_plan

    batch = named([lih()], "LiH").with_scalars(host=[0], rank=[-1])
    plan = {"validation": build_validation_plan(ValidationSettings(), batch.numbers)}
    with WorkGraph("nothing") as graph:
        add_validation(StructureBatchData(batch), plan)
    graph.run()
    assert graph.process.is_finished_ok, graph.process.exit_message
    (node,) = [one for one in graph.process.called if one.process_label == "WorkGraph<validate>"]
    assert node.outputs.summary["hosts"] == 0
