"""Graphs that are parts of a user's graphs: their nodes are not copied, and they stay durable."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("profile")


def count_nodes() -> tuple[int, list[str]]:
    from aiida.orm import Data, InstalledCode, QueryBuilder

    codes = QueryBuilder().append(InstalledCode, project="uuid").all(flat=True)
    return QueryBuilder().append(Data).count(), sorted(codes)


@pytest.mark.parametrize("as_built", [True, False])
def test_a_graph_in_a_graph_keeps_its_nodes_and_its_engine(profile: Any, as_built: bool) -> None:
    from aiida.orm import Int, load_code
    from aiida_workgraph import WorkGraph
    from small_graph import count_up, double

    from aiida_hpaint.workflows.engine.durable import DurableEngine

    code, three = load_code("hpaint-python@localhost"), Int(3).store()
    before = count_nodes()
    whole = WorkGraph("of_the_user")
    first = whole.add_task(double, name="first", number=three)
    if as_built:
        built = count_up.build(number=Int(0), plan={"code": code})
        part = whole.add_task(built, name="part", number=first.outputs.result)
    else:
        inputs = {"number": first.outputs.result, "plan": {"code": code}}
        part = whole.add_task(count_up, name="part", **inputs)
    last = whole.add_task(double, name="last", number=part.outputs.total)
    whole.outputs.found = last.outputs.result
    whole.run()
    assert whole.process.is_finished_ok, whole.process.exit_message
    assert whole.outputs.found.value.value == 14
    after = count_nodes()
    assert after[1] == before[1]
    assert after[0] == before[0] + 3 + as_built  # three results, and the number it was built with
    (child,) = [node for node in whole.process.called if node.label == "count_up" or node.called]
    assert child.process_class is DurableEngine


def test_a_graph_in_a_graph_has_all_that_it_needs(profile: Any) -> None:
    from aiida.orm import Int, load_code
    from aiida_workgraph import WorkGraph
    from small_graph import count_up

    whole = WorkGraph("of_the_user")
    code = load_code("hpaint-python@localhost")
    whole.add_task(count_up.build(number=Int(4), plan={"code": code}), name="part")
    whole.check_before_run()
    again = WorkGraph.from_dict(whole.to_dict(should_serialize=True))
    plan = again.tasks["part"].subgraph.inputs.plan
    assert plan.code.value.uuid == code.uuid


def test_a_graph_that_ran_as_a_task_can_be_built_again(profile: Any) -> None:
    import small_graph

    from aiida_hpaint.workflows.engine.durable import DurableGraph

    handle = small_graph.count_up
    node = type("Node", (), {"uuid": "0"})()
    process = type("Process", (), {"node": node, "submit": lambda *_: (None, None)})()
    task = handle._spec.to_task(name="part")
    with contextlib.suppress(Exception):  # the process is none
        task.execute(process, args=[], kwargs={}, var_kwargs=None)
    assert small_graph.count_up is handle
    assert handle._graph_class is DurableGraph
