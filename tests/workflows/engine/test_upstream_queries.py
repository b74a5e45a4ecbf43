"""Questions to the database that are left out; aiida-core alone still asks them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from aiida.common.links import LinkType

pytestmark = pytest.mark.usefixtures("profile", "patched")


@pytest.fixture
def patched(profile: Any) -> None:
    from aiida_hpaint.workflows.engine.upstream_queries import shorten_queries

    shorten_queries()


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the queries that were made."""
    from aiida.orm import QueryBuilder

    made: list[str] = []
    for name in ("count", "all"):
        run = getattr(QueryBuilder, name)

        def note(self: Any, *given: Any, name: str = name, run: Any = run, **named: Any) -> Any:
            made.append(name)
            return run(self, *given, **named)

        monkeypatch.setattr(QueryBuilder, name, note)
    return made


def test_no_cycle_is_looked_for_where_none_can_close(queries: list[str]) -> None:
    from aiida.orm import Int, WorkChainNode

    from aiida_hpaint.workflows.engine import upstream_queries

    value, node = Int(1).store(), WorkChainNode()
    upstream_queries._validate_stored(node.base.links, value, LinkType.INPUT_WORK, "other")
    asked = len(queries)
    assert asked, "aiida-core knows the answer now: `_validate_incoming` can go"
    node.base.links.add_incoming(value, LinkType.INPUT_WORK, "value")
    assert len(queries) == asked
    with pytest.raises(ValueError, match="already has an incoming"):
        node.base.links.add_incoming(Int(2).store(), LinkType.INPUT_WORK, "value")


def test_a_cycle_of_stored_nodes_is_refused() -> None:
    from aiida.orm import CalculationNode, Int

    value, node = Int(1).store(), CalculationNode()
    node.base.links.add_incoming(value, LinkType.INPUT_CALC, "value")
    node.store()
    with pytest.raises(ValueError, match="cycle"):
        value.base.links.add_incoming(node, LinkType.CREATE, "result")


def test_outputs_are_looked_up_only_where_there_are_new_ones(queries: list[str]) -> None:
    from types import SimpleNamespace

    from aiida.orm import Int, WorkChainNode

    from aiida_hpaint.workflows.engine import upstream_queries

    outputs: dict[str, Any] = {}
    process: Any = SimpleNamespace(
        outputs=outputs,
        node=WorkChainNode().store(),
        metadata=SimpleNamespace(store_provenance=True),
        _flat_outputs=lambda: outputs,
    )
    queries.clear()
    upstream_queries._update_outputs(process)
    assert not queries
    upstream_queries._attach_outputs(process)
    assert queries, "aiida-core looks only if there are outputs now: `_update_outputs` can go"
    for name in ("first", "second"):
        outputs[name] = Int(1).store()
        upstream_queries._update_outputs(process)
        queries.clear()
        upstream_queries._update_outputs(process)
        assert not queries
        assert set(process.node.base.links.get_outgoing().all_link_labels()) == set(outputs)


def test_queries_share_their_aliases_of_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    from aiida.orm import Int, Node, QueryBuilder, WorkChainNode
    from aiida.storage.psql_dos.orm.querybuilder import main

    from aiida_hpaint.workflows.engine import upstream_queries

    values, node = (Int(1).store(), Int(2).store()), WorkChainNode()
    for name, value in zip(("first", "second"), values, strict=True):
        node.base.links.add_incoming(value, LinkType.INPUT_WORK, name)
    node.store()

    def ask() -> tuple[list[Any], list[int]]:
        query = QueryBuilder().append(Int, tag="first", filters={"attributes.value": 1})
        query.append(Node, with_incoming="first", tag="node")
        query.append(Int, with_outgoing="node", filters={"attributes.value": 2})
        built = query._impl.get_query(query.as_dict())
        return query.all(), [id(alias) for alias in built.tag_to_alias.values()]

    found, aliases = ask()
    assert [node.pk for node in found[0]] == [values[1].pk]
    assert len(set(aliases)) == len(aliases) == 5  # three nodes and two links
    assert ask() == (found, aliases)

    monkeypatch.setattr(main.SqlaQueryBuilder, "_build", upstream_queries._build_query)
    assert ask()[0] == found
    message = "aiida-core shares aliases now: `_Aliases` can go"
    assert set(ask()[1]).isdisjoint(aliases), message


def test_the_engines_of_this_package_use_it() -> None:
    from aiida_hpaint.workflows.engine import durable, retries

    for module in (durable, retries):
        assert "\nshorten_queries()\n" in inspect.getsource(module)
