"""A durable graph with a code among its inputs, which runs no job."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.engine import calcfunction
from aiida.orm import AbstractCode, Int
from aiida_workgraph import namespace, task

from aiida_hpaint.workflows.engine.durable import durable_graph

__all__ = ["count_up", "double"]


@calcfunction
def double(number: Int) -> Int:
    return Int(2 * number.value)


@calcfunction
def increase(number: Int, code: AbstractCode) -> Int:
    return Int(number.value + len(code.label[:1]))


@durable_graph(outputs=namespace(total=Int))
def count_up(
    number: Int, plan: Annotated[dict[str, Any], namespace(code=AbstractCode)]
) -> dict[str, Any]:
    """Add one to a number."""
    return {"total": task(increase)(number=number, code=plan["code"]).result}
