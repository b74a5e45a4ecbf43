"""Inputs of PythonJobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiida_pythonjob import prepare_pythonjob_inputs
from aiida_workgraph import namespace

__all__ = ["prepare_job"]


def prepare_job(
    function: Callable[..., Any], function_inputs: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """Return the inputs of a PythonJob that calls a function.

    Parameters
    ----------
    function
        Function that can be imported where the job runs.
    function_inputs
        Nodes, or values that are stored as nodes, by the names of the arguments.
    more
        Other arguments of `prepare_pythonjob_inputs`.
    """
    inputs: dict[str, Any] = prepare_pythonjob_inputs(
        function,
        function_inputs=dict(function_inputs),
        inputs_spec=namespace(**dict.fromkeys(function_inputs, Any)),
        **more,
    )
    # With types of its inputs, the script of a job imports node-graph, which needs IPython and
    # would turn none of them into anything else.
    inputs["metadata"]["inputs_spec"] = {}
    return inputs
