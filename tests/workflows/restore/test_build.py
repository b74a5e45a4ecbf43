from __future__ import annotations

from typing import Any

import pytest

from aiida_hpaint import __version__
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.recipe import plan_finish
from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")


def build(hosts: StructureBatch, **arguments: Any) -> Any:
    # Needs a configured AiiDA to be imported.
    from aiida_hpaint.workflows.restore.build import build_restore

    return build_restore(hosts, **arguments)


def plan_of(graph: Any) -> dict[str, Any]:
    plan: dict[str, Any] = graph.inputs.plan._value
    return plan


def test_stages_get_the_settings_of_the_protocol(brucite: StructureBatch) -> None:
    plan = plan_of(build(brucite, protocol="fast", overrides={"sampling": {"seed": 3}}))
    fast = load_protocol("fast", {"sampling": {"seed": 3}})
    assert plan["sample"]["settings"].get_dict() == {
        **fast.sampling.model_dump(),
        "symmetry": {**fast.symmetry.model_dump(), "refine": None},
        "filter": fast.filter.model_dump(),
    }
    inserted = plan["relax_inserted"]["settings"].get_dict()
    assert inserted["relaxation"] == fast.relax_inserted.model_dump()
    assert inserted["potential"] == fast.potential.model_dump()
    everything = plan["relax_all"]["settings"].get_dict()
    assert everything["relaxation"] == fast.relax_all.model_dump()
    assert everything["select"] == {
        "keep": fast.keep,
        "window": fast.keep_window,
        "same": fast.filter.same,
        "misplaced": fast.misplaced,
    }
    assert inserted["select"]["keep"] == fast.candidates
    assert fast.score is not None
    assert plan["score"]["settings"].get_dict()["relaxation"] == fast.score.model_dump()


def test_nodes_have_labels(brucite: StructureBatch) -> None:
    plan = plan_of(build(brucite))
    assert plan["sample"]["settings"].label == "settings of sample"
    assert plan["relax_all"]["options"].label == "options of the jobs of relax_all"
    assert plan["finish"].label


def test_a_score_is_a_stage_of_its_own(brucite: StructureBatch) -> None:
    overrides = {
        "sampling": {"samples": 50},
        "symmetry": {"symmetrised": True, "refine": 0.02},
        "score": {"max_steps": 3},
        "candidates": 4,
    }
    plan = plan_of(build(brucite, overrides=overrides))
    wanted = load_protocol(overrides=overrides)
    assert wanted.score is not None
    score = plan["score"]["settings"].get_dict()
    assert score["relaxation"] == wanted.score.model_dump()
    assert score["select"] is None
    select = plan["relax_inserted"]["settings"]["select"]
    assert select == {"keep": 4, "window": 0.0, "same": 0.3, "misplaced": 0.5}
    assert plan["sample"]["settings"]["symmetry"]["symmetrised"]
    assert plan["finish"].get_dict() == plan_finish(wanted).model_dump()
    assert plan["finish"]["refine"] == 0.02
    assert plan["score"]["identity"].get_dict() == plan["relax_all"]["identity"].get_dict()


def test_what_makes_a_result_is_an_input(brucite: StructureBatch) -> None:
    plan = plan_of(build(brucite, overrides={"sampling": {"seed": 3}}))
    sampling = plan["sample"]["identity"].get_dict()
    assert sampling["version"] == __version__
    assert sampling["seed"] == 3
    assert len(sampling["model"]["sha256"]) == 64
    assert plan["relax_all"]["identity"]["model"]["package"] == "sevenn"


def test_a_second_potential_has_an_identity_of_its_own(brucite: StructureBatch) -> None:
    overrides = {"rerank": {"name": "sevennet-l3i5"}, "keep": 3}
    from aiida_hpaint.workflows.restore.build import make_relaxation_inputs

    plan = plan_of(build(brucite, overrides=overrides))
    settings = plan["rerank"]["settings"].get_dict()
    assert settings["potential"]["name"] == "sevennet-l3i5"
    assert settings["relaxation"] == load_protocol().final_relaxation.model_dump()
    assert settings["select"]["keep"] == 3
    assert plan["rerank"]["identity"]["model"]["name"] == "sevennet-l3i5"
    assert plan["relax_all"]["identity"]["model"]["name"] == "sevennet-0"
    # References and competing phases are relaxed with the potential that ranks.
    last = make_relaxation_inputs(plan, None)
    assert last["settings"]["potential"]["name"] == "sevennet-l3i5"
    assert last["identity"]["model"]["name"] == "sevennet-l3i5"


def test_a_search_names_the_generator_unless_it_needs_none(brucite: StructureBatch) -> None:
    plan = plan_of(build(brucite, protocol="balanced"))
    search = plan["search"]["identity"].get_dict()
    assert search["generator"] == plan["sample"]["identity"]["model"]
    assert search["model"] == plan["relax_all"]["identity"]["model"]
    assert plan["relax_all"]["settings"]["select"]["keep"] == load_protocol("balanced").keep
    without = {"search": {"moves": ["random", "turned"]}}
    plan = plan_of(build(brucite, protocol="balanced", overrides=without))
    assert plan["search"]["identity"].get_dict() == plan["relax_all"]["identity"].get_dict()


def test_the_model_goes_along_with_a_search(brucite: StructureBatch) -> None:
    plan = plan_of(build(brucite, protocol="balanced", upload_model=True))
    assert plan["search"]["model"].uuid == plan["sample"]["model"].uuid
    generator = plan["search"]["settings"]["sampling"]["generator"]
    assert generator == plan["sample"]["settings"]["generator"]


def test_options_of_a_stage_are_added_to_the_defaults(brucite: StructureBatch) -> None:
    options = {
        "relax": {"queue_name": "gpu", "environment_variables": {"OMP_NUM_THREADS": "4"}},
    }
    plan = plan_of(build(brucite, options=options))
    assert plan["sample"]["options"]["environment_variables"] == {"OMP_NUM_THREADS": "1"}
    assert "queue_name" not in plan["sample"]["options"].get_dict()
    for stage in ("relax_inserted", "relax_all"):
        assert plan[stage]["options"]["queue_name"] == "gpu"
        assert plan[stage]["options"]["environment_variables"] == {"OMP_NUM_THREADS": "4"}
        assert plan[stage]["options"]["resources"]["num_machines"] == 1


def test_each_stage_may_run_elsewhere(brucite: StructureBatch) -> None:
    from aiida.orm import InstalledCode, load_computer

    other = InstalledCode(
        label="elsewhere", computer=load_computer("localhost"), filepath_executable="/opt/python"
    ).store()
    plan = plan_of(build(brucite, code={"relax": "elsewhere@localhost"}))
    assert plan["relax_all"]["code"].uuid == other.uuid
    assert plan["sample"]["code"].label == "hpaint-python"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "quick"}, "no protocol 'quick': choose from fast"),
        ({"overrides": {"samplin": {}}}, "no setting samplin: did you mean sampling?"),
        ({"overrides": {"sampling": {"generator": "best"}}}, "no model 'best'"),
        ({"overrides": {"potential": {"name": "dft"}}}, "unknown potential 'dft'"),
        ({"code": "never-made@localhost"}, "code 'never-made@localhost': .*verdi code list"),
        (
            {"code": {"relaxation": "x"}},
            "code: there is no stage relaxation: use sample, relax and dft",
        ),
        ({"options": {"gpu": {}}}, "options: there is no stage gpu"),
        (
            {"options": {"relax": {"queue": "long"}}},
            "options of relax: there is no option 'queue': did you mean queue_name?",
        ),
        ({"settings": load_protocol(), "protocol": "fast"}, "either settings, or a protocol"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_submitted(
    brucite: StructureBatch, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(brucite, **arguments)


def test_hosts_have_sites_to_insert(samples: StructureBatch) -> None:
    with pytest.raises(ValueError, match=r"Li-H\.a: there is no site to insert"):
        build(samples)
    with pytest.raises(ValueError, match="there is no host"):
        build(samples[[]])


def test_a_guess_is_refined_where_there_is_one(
    brucite: StructureBatch, samples: StructureBatch
) -> None:
    refining = {"sampling": {"start_time": 0.3}}
    hosts = build(samples, overrides=refining).inputs.hosts.value
    assert hosts.batch.equals(samples)
    with pytest.raises(ValueError, match="brucite: there is no guess to refine: with sampling"):
        build(brucite, overrides=refining)


def test_the_code_of_another_python_is_not_ours(
    brucite: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/opt/other/bin/python")
    with pytest.raises(ValueError, match="no code runs /opt/other/bin/python yet: run"):
        build(brucite)


@pytest.fixture
def structure() -> Any:
    from aiida.orm import StructureData

    structure = StructureData(cell=[[4.1, 0, 0], [0, 4.1, 0], [0, 0, 4.1]])
    structure.append_atom(position=(0.0, 0.0, 0.0), symbols="Li")
    structure.label = "rock salt"
    return structure


def test_structures_of_aiida_are_hosts(structure: Any) -> None:
    hosts = build([structure.store()], add="H:1").inputs.hosts.value
    assert hosts.batch.labels == ("rock salt",)
    assert hosts.batch.insert_counts.tolist() == [1]
    assert hosts.batch.metadata[0]["uuid"] == structure.uuid
    assert hosts.creator.inputs.source_00000.uuid == structure.uuid
    alone = build(structure, add={"H": 1}).inputs.hosts.value
    assert alone.batch.equals(hosts.batch)


def test_structures_that_cannot_be_hosts_leave_nothing_behind(structure: Any) -> None:
    from aiida.orm import ProcessNode, QueryBuilder

    from aiida_hpaint.science.structures import HostError

    before = QueryBuilder().append(ProcessNode).count()
    with pytest.raises(HostError, match="rock salt: 900 inserted sites cannot fit"):
        build(structure.store(), add={"H": 900})
    with pytest.raises(ValueError, match="say what to add"):
        build(structure)
    assert QueryBuilder().append(ProcessNode).count() == before
