"""What a process that has ended did not reach."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiida.orm import ProcessNode, WorkflowNode

from aiida_hpaint.science.structures import escape_control_characters
from aiida_hpaint.workflows.restore.outcomes import WITHOUT, find_outcomes
from aiida_hpaint.workflows.restore.progress import get_samples, list_stage_states
from aiida_hpaint.workflows.validate.results import has_validation, read_validation

__all__ = ["list_missing_results"]

_NODE = re.compile(r"\b(job|process) \d+: ")
"""PKs are others in the next profile."""


def list_missing_results(node: ProcessNode) -> list[str]:
    """Why results are missing, a line each; none where all is there.

    Parameters
    ----------
    node
        A restoration, validation, benchmark or RestoreHydrogenWorkChain that has ended.
    """
    inputs = node.inputs.graph_inputs if "graph_inputs" in node.inputs else {}
    lines = [*_ending(node)]
    if "complete" not in inputs and "hosts" in inputs:
        lines += [*_stages(node), *_hosts(node)]
    if "structures" in inputs or has_validation(node):
        lines += _validation(node)
    elif _wanted_validation(inputs):
        lines.append("nothing was relaxed by DFT, though it was asked for")
    return [_NODE.sub("", escape_control_characters(line)) for line in lines]


def _ending(node: ProcessNode) -> Iterator[str]:
    if node.is_excepted or node.is_killed:
        said = str(node.exception or "").strip().splitlines() or ["it was killed"]
        yield f"it ended early: {said[-1]}"
    elif not node.is_finished_ok:
        yield f"it ended with exit status {node.exit_status}: {node.exit_message or 'no message'}"


def _stages(node: ProcessNode) -> Iterator[str]:
    if not isinstance(node, WorkflowNode):
        return
    for state in list_stage_states(node):
        if state.trouble:
            yield f"{state.stage} of {state.chunk}: {state.trouble}"


def _hosts(node: ProcessNode) -> Iterator[str]:
    """Hosts without a candidate, with the reason where it is not an honest end."""
    hosts = node.inputs.graph_inputs.hosts.batch
    found = find_outcomes(len(hosts), get_samples(node), "no job came to its end")
    for host_index, label in enumerate(hosts.labels):
        if host_index in found.reasons:
            yield f"host {label}: {found.reasons[host_index]}"
        elif found.states[host_index] == WITHOUT:
            yield f"host {label}: no sample became a candidate"


def _validation(node: ProcessNode) -> Iterator[str]:
    try:
        failed = read_validation(node).summary["failed"]
    except ValueError:
        yield "the validation has no table"
        return
    for entry in failed:
        yield f"{entry['role']} of {entry['label']}: DFT gave no energy: {entry['message']}"


def _wanted_validation(inputs: object) -> bool:
    plan = inputs.plan if "plan" in inputs else {}  # type: ignore[operator, attr-defined]
    return "validation" in plan
