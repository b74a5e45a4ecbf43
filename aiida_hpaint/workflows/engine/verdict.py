"""Exit codes of graphs and of their parts that have results although something failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiida.engine.processes.process_spec import ProcessSpec
from aiida.orm import Dict

__all__ = ["declare_graph_codes", "declare_part_codes", "find_part_code", "judge"]

_SOME, _ALL, _NONE = "ERROR_SOME_FAILED", "ERROR_ALL_FAILED", "ERROR_NO_JOB_SUCCEEDED"
_PART_CODES = {
    "failed in part": "ERROR_FAILED_IN_PART",
    "not converged": "ERROR_FAILED_IN_PART",
    "failed": "ERROR_FAILED",
    "unfinished": "ERROR_UNFINISHED",
    "killed": "ERROR_KILLED",
}
"""Exit codes by the status in the report of a part."""


def declare_graph_codes(spec: ProcessSpec) -> None:
    """Declare the exit codes of graphs, which return their outputs all the same."""
    spec.exit_code(410, _SOME, message="{message}")
    spec.exit_code(411, _ALL, message="{message}")
    spec.exit_code(412, _NONE, message="{message}")


def declare_part_codes(spec: ProcessSpec) -> None:
    """Declare the exit codes of parts of graphs, which return a `report` all the same."""
    spec.exit_code(420, "ERROR_FAILED_IN_PART", message="{message}")
    spec.exit_code(421, "ERROR_FAILED", message="{message}")
    spec.exit_code(422, "ERROR_UNFINISHED", message="{message}")
    spec.exit_code(423, "ERROR_KILLED", message="{message}")


def find_part_code(codes: Any, status: str, message: str) -> Any:
    """Return the exit code for the status of a part; None if it has all its results."""
    name = _PART_CODES.get(status)
    return None if name is None else codes[name].format(message=message or status)


def judge(outputs: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the name and message of the exit code for the outputs of a graph; None for success.

    A restoration has counts of failed hosts in its `summary`, a validation `reports` of its parts,
    a count both (`part_reports`), a benchmark `samples`.
    """
    given = {**outputs.get("reports", {}), **outputs.get("part_reports", {})}
    reports = list(_find_reports(given))
    summary = outputs["summary"].get_dict() if "summary" in outputs else {}
    # Those of hosts are in a namespace for each chunk.
    parts = [one.get_dict() for one in given.values() if isinstance(one, Dict)]
    lost = [part for part in parts if part.get("status") == "failed"]
    total, failed = len(parts), len(lost)
    what, reasons = "structures", {str(part.get("message", "")): 1 for part in lost}
    if "n_failed" in summary:
        what = "hosts and phases" if parts else "hosts"
        total, failed = total + summary["n_hosts"], failed + summary["n_failed"]
        reasons = {**reasons, **summary.get("failures", {})}
    if not failed:
        return _judge_samples(outputs.get("samples"))
    reason = max(reasons, key=lambda one: reasons[one], default="see the reports")
    jobs = sum(report.get("jobs", 0) for report in reports)
    if jobs and jobs == sum(report.get("failures", 0) for report in reports):
        return _NONE, f"none of {jobs} jobs succeeded: {reason}"
    name = _ALL if failed == total else _SOME
    return name, f"{failed} of {total} {what} failed: {reason}"


def _judge_samples(samples: Any) -> tuple[str, str] | None:
    """Return the exit code of a graph, such as a benchmark, whose samples have all failed."""
    statuses = {} if samples is None else samples.base.attributes.get("statuses", {})
    if set(statuses) != {"failed"}:
        return None
    return _ALL, f"all {statuses['failed']} samples failed"


def _find_reports(values: Any) -> Iterator[dict[str, Any]]:
    if isinstance(values, Dict):
        yield values.get_dict()
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _find_reports(value)
