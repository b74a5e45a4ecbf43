"""One work chain takes the results of one job for all stages; what is left has its own."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")

NAMES = ("score", "relax_inserted", "relax_all")


class Context(dict[str, Any]):
    """Stands in for the context of a work chain."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


@pytest.fixture
def make_chain(
    samples: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """A work chain whose job has finished some stages, and its outputs."""
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.restore import later_stages
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    def make(finished: dict[str, str]) -> tuple[Any, dict[str, Any]]:
        done = {
            name: StructureBatchData(samples.with_scalars(status=[status] * len(samples))).store()
            for name, status in finished.items()
        }
        later = [{"stage": name, "settings": {}, "identity": {}} for name in NAMES]
        given = {"later": {"stages": later}, "code": "code", "model": "model"}
        monkeypatch.setattr(later_stages, "find_result", lambda _, stage: done.get(stage))
        monkeypatch.setattr(later_stages, "read_outputs", lambda process: process.outputs)
        monkeypatch.setattr(later_stages, "is_consistent", lambda *_: True)
        chain: Any = StageWorkChain.__new__(StageWorkChain)
        outputs: dict[str, Any] = {}
        inputs = Context(given)
        monkeypatch.setattr(StageWorkChain, "inputs", inputs, raising=False)
        monkeypatch.setattr(StageWorkChain, "ctx", Context(verdict=None), raising=False)
        monkeypatch.setattr(
            StageWorkChain, "out", lambda _, name, node: outputs.update({name: node})
        )
        first = StructureBatchData(samples.with_scalars(status=["sampled"] * len(samples))).store()
        report = {"status": "finished", "jobs": 1, "failures": 0, "message": ""}
        chain._conclude("sample", first, report)
        chain._take_results_of(SimpleNamespace(uuid="job", outputs={}))
        return chain, outputs

    return make


def test_all_results_of_one_job_are_taken(make_chain: Any) -> None:
    chain, outputs = make_chain(dict.fromkeys(NAMES, "converged"))
    assert not chain.has_later_stage()
    assert chain.finish() is None
    assert outputs["structures"].uuid == outputs["stages.relax_all"].uuid
    assert [outputs[f"reports.{name}"]["within"] for name in NAMES] == ["job"] * 3
    assert outputs["report"]["stage"] == "sample"


def test_a_stage_that_is_left_has_a_work_chain_of_its_own(
    make_chain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida.orm import Dict

    chain, outputs = make_chain({"score": "sampled", "relax_inserted": "unfinished"})
    assert chain.ctx.left == ["relax_inserted", "relax_all"]
    given: list[Any] = []
    monkeypatch.setattr(type(chain), "submit", lambda _, kind, **inputs: given.append(inputs))
    monkeypatch.setattr(type(chain), "to_context", lambda _, **_ignored: None)
    chain.run_later_stage()
    assert given[0]["stage"].value == "relax_inserted"
    assert given[0]["structures"].base.attributes.get("statuses").keys() == {"unfinished"}
    assert given[0]["metadata"] == {"call_link_label": "relax_inserted"}
    # The weights of the generator are of no use to a relaxation.
    assert "model" not in given[0]
    report = Dict({"stage": "relax_inserted", "status": "failed", "message": "job 9: no luck"})
    ended = {"report": report.store(), "structures": chain.ctx.current}
    chain.ctx.relax_inserted = SimpleNamespace(exit_status=421, outputs=Context(ended))
    chain.take_later_stage()
    assert chain.ctx.left == ["relax_all"]
    code = chain.finish()
    assert (code.status, code.message) == (421, "job 9: no luck")
    assert outputs["report"]["stage"] == "relax_inserted"


def test_where_no_sample_is_left_nothing_else_runs(make_chain: Any) -> None:
    chain, outputs = make_chain({"score": "implausible"})
    assert not chain.has_later_stage()
    assert outputs["reports.relax_all"]["status"] == "nothing to do"


def test_a_work_chain_that_ended_without_a_result_keeps_those_before(make_chain: Any) -> None:
    chain, outputs = make_chain({"score": "not converged", "relax_inserted": "converged"})
    ended = SimpleNamespace(
        pk=9, outputs={}, exception=None, process_state=SimpleNamespace(value="killed")
    )
    chain.ctx.relax_all = ended
    chain.take_later_stage()
    assert not chain.has_later_stage()
    code = chain.finish()
    assert (code.status, code.message) == (421, "relax_all: process 9: killed")
    assert outputs["structures"].base.attributes.get("statuses").keys() == {"not converged"}
    assert outputs["reports.relax_all"]["status"] == "failed"
    assert outputs["reports.score"]["status"] == "finished"


def test_nothing_is_taken_from_a_job_whose_own_samples_are_of_no_use(
    samples: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    taken: list[Any] = []
    state = {"sampled": [], "trajectory": None, "left_over": None, "killed": False, "job": "job"}
    state |= {"jobs": 1, "failures": 1, "message": "", "status": "failed"}
    chain: Any = StageWorkChain.__new__(StageWorkChain)
    given = Context(stage=SimpleNamespace(value="relax_all"))
    monkeypatch.setattr(StageWorkChain, "inputs", given, raising=False)
    monkeypatch.setattr(StageWorkChain, "ctx", Context(state), raising=False)
    monkeypatch.setattr(
        StageWorkChain, "_get_last_part", lambda _: StructureBatchData(samples).store()
    )
    monkeypatch.setattr(StageWorkChain, "_conclude", lambda *_: None)
    monkeypatch.setattr(StageWorkChain, "_take_results_of", lambda _, job: taken.append(job))
    chain.conclude()
    chain.ctx.status = "finished"
    chain.conclude()
    assert taken == [None, "job"]
