"""Completeness of the results of a process that has ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from aiida.orm import ProcessNode, WorkflowNode

from aiida_hpaint.science.structures import escape_control_characters
from aiida_hpaint.workflows.restore.outcomes import WITHOUT, find_outcomes
from aiida_hpaint.workflows.restore.progress import get_samples, list_stage_states
from aiida_hpaint.workflows.validate.results import has_validation, read_validation

__all__ = ["list_missing_results"]

_NODE = re.compile(r"\b(job|process) \d+: ")
"""PKs are left out of messages: they change when an archive is imported."""


def list_missing_results(node: ProcessNode) -> list[str]:
    """Return the reasons why results are missing, a line each; none if the results are complete.

    Parameters
    ----------
    node
        A restoration, validation, benchmark or RestoreHydrogenWorkChain that has ended.
    """
    inputs: Any = node.inputs.graph_inputs if "graph_inputs" in node.inputs else {}
    lines = [*_describe_end(node)]
    if "complete" not in inputs and "hosts" in inputs:
        if isinstance(node, WorkflowNode):
            lines += [
                f"{state.stage} of {state.chunk}: {state.problem}"
                for state in list_stage_states(node)
                if state.problem
            ]
        lines += _list_unrestored_hosts(node)
    if "structures" in inputs or has_validation(node):
        lines += _list_failed_validation(node)
    elif "validation" in (inputs.plan if "plan" in inputs else {}):
        lines.append("validation by DFT was requested, but nothing was relaxed")
    return [_NODE.sub("", escape_control_characters(line)) for line in lines]


def _describe_end(node: ProcessNode) -> Iterator[str]:
    if node.is_excepted or node.is_killed:
        lines = str(node.exception or "").strip().splitlines() or ["it was killed"]
        yield f"the process ended early: {lines[-1]}"
    elif not node.is_finished_ok:
        message = node.exit_message or "no message"
        yield f"the process failed with exit status {node.exit_status}: {message}"


def _list_unrestored_hosts(node: ProcessNode) -> Iterator[str]:
    """Yield the hosts without a candidate, with the error if a job failed."""
    hosts = node.inputs.graph_inputs.hosts.batch
    found = find_outcomes(len(hosts), get_samples(node), "no job has finished")
    for host_index, label in enumerate(hosts.labels):
        if host_index in found.reasons:
            yield f"host {label}: {found.reasons[host_index]}"
        elif found.states[host_index] == WITHOUT:
            yield f"host {label}: no sample became a candidate that passes the checks"


def _list_failed_validation(node: ProcessNode) -> Iterator[str]:
    try:
        failed = read_validation(node).summary["failed"]
    except ValueError:
        yield "the validation has no table"
        return
    for entry in failed:
        yield f"{entry['role']} of {entry['label']}: DFT gave no energy: {entry['message']}"
