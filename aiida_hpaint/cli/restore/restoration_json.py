"""The result of a restoration as JSON."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_hpaint.cli.console import echo_json
from aiida_hpaint.science.plausibility.check_answers import get_findings
from aiida_hpaint.science.structures import make_safe_names
from aiida_hpaint.science.structures.writing import list_names

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_hpaint.science.report.host_results import HostResult
    from aiida_hpaint.workflows.validate.results import Validation


def echo_restoration(
    results: list[HostResult],
    output: Path,
    node: ProcessNode | None,
    page: Path | None = None,
    validation: Validation | None = None,
) -> None:
    """Print the result of a restoration as one JSON object."""
    process = None if node is None else {"pk": node.pk, "uuid": str(node.uuid)}
    names = make_safe_names(result.label for result in results)
    hosts = [
        {**describe_host(result), "files": _list_files(output, name)}
        for result, name in zip(results, names, strict=True)
    ]
    report = None if page is None else str(page)
    found: dict[str, Any] = {
        "process": process,
        "output": str(output),
        "report": report,
        "hosts": hosts,
    }
    if validation is not None:
        found["validation"] = {"rows": validation.rows, "summary": validation.summary}
    echo_json(found)


def describe_host(result: HostResult) -> dict[str, Any]:
    """Return the result of one host as values of JSON; energies in eV, forces in eV/Å."""
    best = result.best
    process = result.process
    found: dict[str, Any] = {
        "label": result.label,
        "process": process and {"pk": process.pk, "uuid": process.uuid},
        "restored": result.is_restored,
        "inserted": result.inserted,
        "samples": dict(Counter(map(str, result.samples.scalars["status"]))),
        "assumptions": result.assumptions,
        "error": result.error or None,
    }
    if best is None:
        return found
    known = best.metadata[0].get("confidence") or {}
    scalars = ("energy", "max_force", "confidence", "space_group", "origin")
    return {
        **found,
        **{name: _read(best.scalars.get(name)) for name in scalars},
        "volume_change": _read(best.scalars.get("volume_change")),
        "cell_change": result.cell_change or None,
        "reasons": known.get("reasons", []),
        "evidence": known.get("evidence"),
        "failed_checks": result.failed,
        "notices": get_findings(best, "notices"),
        "energies_above_best": [
            _read(one.scalars.get("energy_above_best")) for one in result.ranked
        ],
    }


def _read(values: Any) -> Any:
    """Return the first value of a scalar; None if there is no such scalar."""
    return None if values is None else values[0].item()


def _list_files(output: Path, name: str) -> list[str]:
    return [str(output / one) for one in list_names(name) if (output / one).is_file()]
