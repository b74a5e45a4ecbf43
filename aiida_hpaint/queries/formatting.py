"""Provenance records as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiida_hpaint.queries.provenance_record import (
    KIND_RESTORED_BY_DFT,
    DftRecord,
    HostRecord,
    JobRecord,
    ModelRecord,
    ProvenanceRecord,
)
from aiida_hpaint.queries.samples import Sample
from aiida_hpaint.science.plausibility.check_answers import name_findings

__all__ = ["format_provenance"]


def format_provenance(record: ProvenanceRecord) -> str:
    """Return a record as lines of text, without the control characters that labels may have."""
    lines = _format_lines(record)
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def _format_lines(record: ProvenanceRecord) -> Iterator[str]:
    yield f"{record.label} ({record.formula}), node {record.pk} ({record.uuid})"
    yield _describe_kind(record)
    if record.host is not None:
        yield _format_host(record, record.host)
    if record.sample is not None:
        yield _format_sample(record.sample)
    if record.model is not None:
        seed = "" if record.seed is None else f", seed {record.seed}"
        yield f"Model: {_format_model(record.model)}{seed}"
    if record.potential is not None:
        yield f"Potential: {_format_model(record.potential)}"
    if record.version is not None:
        yield f"Version: aiida-hpaint {record.version}"
    if record.dft is not None:
        results = [record.dft.status, *_format_energy(record.dft), record.dft.message]
        yield f"DFT: {', '.join(filter(None, results))}"
    pseudopotentials = {
        element: pseudo
        for job in record.jobs
        for element, pseudo in sorted(job.pseudopotentials.items())
    }
    for element, pseudo in pseudopotentials.items():
        yield f"Pseudopotential of {element}: {pseudo['filename']}, MD5 {pseudo['md5']}"
    by_dft = {} if record.dft is None else {"DFT": record.dft.settings}
    for stage, settings in {**record.settings, **by_dft}.items():
        yield f"Settings of {stage}: {_format_settings(settings)}"
    computers = f", on {', '.join(record.computers)}" if record.computers else ""
    yield f"Jobs: {len({job.uuid for job in record.jobs})}{computers}"
    yield from map(_format_job, record.jobs)
    if record.process is not None:
        yield f"Returned by process {record.process}: `verdi process status {record.process}`"


def _describe_kind(record: ProvenanceRecord) -> str:
    if record.role == "reference":
        if record.dft is None:
            return "A reference that candidates were compared with."
        return "A reference that candidates were compared with, relaxed by DFT."
    if record.kind == KIND_RESTORED_BY_DFT:
        return "Restored by DFT alone, at maxima of the electrostatic potential."
    if record.dft is not None:
        return "A candidate relaxed by DFT."
    return "A sample relaxed by the potential."


def _format_host(record: ProvenanceRecord, host: HostRecord) -> str:
    source = ", ".join(str(host.source[key]) for key in ("source", "file") if host.source.get(key))
    added = " ".join(f"{count} {element}" for element, count in record.inserted.items())
    index = "" if host.structure == host.pk else f"index {host.host_index} of "
    parts = [f"{index}node {host.pk}"]
    if host.structure not in (None, host.pk):
        parts.append(f"structure {host.structure}")
    if source:
        parts.append(f"from {source}")
    return f"Host: {host.label} ({', '.join(parts)}); inserted: {added or 'nothing'}"


def _format_sample(sample: Sample) -> str:
    rank = [] if sample.rank is None else [f"rank {sample.rank}"]
    parts = [sample.origin, sample.status, *rank, *_format_energy(sample)]
    parts += [f"fails {name_findings(sample.failed)}"] if sample.failed else []
    return (
        f"Sample: {sample.number} (row {sample.row} of node {sample.samples}): {', '.join(parts)}"
    )


def _format_energy(result: Sample | DftRecord) -> list[str]:
    energy = [] if result.energy is None else [f"{result.energy:.4f} eV"]
    force = [] if result.max_force is None else [f"max force {result.max_force:.3f} eV/Å"]
    return [*energy, *force]


def _format_model(model: ModelRecord) -> str:
    parts = [model.name, model.package or "", f"sha256 {model.sha256}" if model.sha256 else ""]
    return ", ".join(filter(None, parts))


def _format_settings(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Return settings as `name=value`, nested ones with dots, without those that are None."""
    parts = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            parts.append(_format_settings(value, f"{prefix}{key}."))
        elif value is not None:
            parts.append(f"{prefix}{key}={value}")
    return " ".join(filter(None, parts))


def _format_job(job: JobRecord) -> str:
    code = "@".join(filter(None, [job.code, job.computer])) or "unknown code"
    ended = "" if job.exit_status == 0 else f", exit status {job.exit_status}"
    cached = f", results of job {job.cached_from} by caching" if job.cached_from else ""
    return f"  {job.pk} {job.stage}: {code}{ended}{cached} ({job.uuid})"
