"""Files of benchmarks that ran as WorkGraphs, the same as of a benchmark in plain Python."""

from __future__ import annotations

import json
from pathlib import Path

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.orm import Node, ProcessNode, load_node

from aiida_hpaint.science.benchmark.statistics.rows import ROWS, SAMPLES, SETTINGS, SUMMARY
from aiida_hpaint.science.outputs import open_staging

__all__ = ["load_benchmark", "write_benchmark"]


def load_benchmark(identifier: str | int) -> ProcessNode:
    """Load the process of a benchmark that has results.

    Raises
    ------
    ValueError
        If there is no such node, it is not a benchmark, or it has no results.
    """
    try:
        node: Node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise ValueError(f"there is no node {identifier}: see `verdi process list -a`") from None
    if (
        not isinstance(node, ProcessNode)
        or "graph_inputs" not in node.inputs
        or "complete" not in node.inputs.graph_inputs
    ):
        raise ValueError(f"node {identifier} is not a benchmark: give the PK that --submit printed")
    if not node.is_terminated:
        raise ValueError(
            f"benchmark {identifier} is still running: see `verdi process show {node.pk}`"
        )
    if "rows" not in node.outputs:
        raise ValueError(
            f"benchmark {identifier} has no results: see `verdi process report {node.pk}`"
        )
    return node


def write_benchmark(node: ProcessNode, folder: Path) -> None:
    """Write rows.jsonl, settings.json, samples.csv and summary.json of a benchmark.

    Raises
    ------
    ValueError
        If the folder holds another benchmark.
    """
    rows = node.outputs.rows.get_content()
    if (folder / ROWS).exists() and (folder / ROWS).read_text(encoding="utf-8") != rows:
        raise ValueError(f"{folder} holds another benchmark: choose another folder")
    settings = {**node.inputs.graph_inputs.settings.get_dict(), "node": node.uuid}
    summary = node.outputs.summary.get_dict()
    texts = {
        ROWS: rows,
        SAMPLES: node.outputs.table.get_content(),
        SETTINGS: json.dumps(settings, indent=2) + "\n",
        SUMMARY: json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n",
    }
    with open_staging(folder) as staging:
        for name, text in texts.items():
            (staging / name).write_text(text, encoding="utf-8", newline="")
