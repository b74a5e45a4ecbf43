"""The record of a structure in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiida_hpaint.queries.provenance_record import (
    KIND_RESTORED_BY_DFT,
    DftResult,
    JobRecord,
    ModelRecord,
    ProvenanceRecord,
)

__all__ = ["format_provenance"]


def format_provenance(record: ProvenanceRecord) -> str:
    """Several lines; labels of others' files keep nothing that a terminal would obey."""
    return "\n".join(_printable(line) for line in _lines(record))


def _lines(record: ProvenanceRecord) -> Iterator[str]:
    yield f"{record.label} ({record.formula}), node {record.pk} ({record.uuid})"
    yield _what(record)
    if record.host is not None:
        yield _host(record)
    yield from _sample(record)
    if record.model is not None:
        seed = "" if record.seed is None else f", seed {record.seed}"
        yield f"Model: {_model(record.model)}{seed}"
    if record.potential is not None:
        yield f"Potential: {_model(record.potential)}"
    if record.version is not None:
        yield f"Version: aiida-hpaint {record.version}"
    if record.dft is not None:
        yield f"DFT: {_dft(record.dft)}"
    for element, pseudo in _pseudopotentials(record).items():
        yield f"Pseudopotential of {element}: {pseudo['filename']}, MD5 {pseudo['md5']}"
    for stage, settings in _settings(record).items():
        yield f"Settings of {stage}: {_values(settings)}"
    yield f"Jobs: {len(record.jobs)}{_where(record)}"
    yield from map(_job, record.jobs)
    if record.process is not None:
        yield f"Returned by process {record.process}: `verdi process status {record.process}`"


def _what(record: ProvenanceRecord) -> str:
    if record.role == "reference":
        done = "is" if record.dft is None else "was relaxed by DFT from"
        return f"It {done} a reference that candidates were compared with."
    if record.kind == KIND_RESTORED_BY_DFT:
        return "DFT alone restored it: at maxima of the electrostatic potential."
    if record.dft is not None:
        return "It was relaxed by DFT from a candidate."
    return "It is the structure of a sample, as the potential relaxed it."


def _host(record: ProvenanceRecord) -> str:
    host = record.host
    assert host is not None
    source = ", ".join(str(host.source[key]) for key in ("source", "file") if host.source.get(key))
    added = " ".join(f"{count} {element}" for element, count in record.inserted.items())
    known = (
        f"node {host.pk}"
        if host.structure == host.pk
        else f"number {host.host_index} of node {host.pk}"
    )
    structure = f", structure {host.structure}" if host.structure not in (None, host.pk) else ""
    came = f", from {source}" if source else ""
    return f"Host: {host.label} ({known}{structure}{came}); inserted: {added or 'nothing'}"


def _sample(record: ProvenanceRecord) -> Iterator[str]:
    sample = record.sample
    if sample is None:
        return
    parts = [f"{sample.origin}, {sample.status}"]
    if sample.rank is not None:
        parts.append(f"rank {sample.rank}")
    if sample.energy is not None:
        parts.append(f"{sample.energy:.4f} eV")
    if sample.max_force is not None:
        parts.append(f"max force {sample.max_force:.3f} eV/Å")
    place = f"row {sample.row} of node {sample.samples}"
    yield f"Sample: {sample.number} ({place}): {', '.join(parts)}"


def _model(model: ModelRecord) -> str:
    parts = [model.name, model.package or "", f"sha256 {model.sha256}" if model.sha256 else ""]
    return ", ".join(filter(None, parts))


def _dft(dft: DftResult) -> str:
    parts = [dft.status]
    if dft.energy is not None:
        parts.append(f"{dft.energy:.4f} eV")
    if dft.max_force is not None:
        parts.append(f"max force {dft.max_force:.3f} eV/Å")
    return ", ".join([*parts, *filter(None, [dft.message])])


def _pseudopotentials(record: ProvenanceRecord) -> dict[str, Mapping[str, str]]:
    return {
        element: pseudo
        for job in record.jobs
        for element, pseudo in sorted(job.pseudopotentials.items())
    }


def _settings(record: ProvenanceRecord) -> dict[str, Mapping[str, Any]]:
    by_dft = {} if record.dft is None else {"DFT": record.dft.settings}
    return {**record.settings, **by_dft}


def _values(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Flat, without what is left to defaults."""
    parts = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            parts.append(_values(value, f"{prefix}{key}."))
        elif value is not None:
            parts.append(f"{prefix}{key}={value}")
    return " ".join(filter(None, parts))


def _where(record: ProvenanceRecord) -> str:
    return f", on {', '.join(record.computers)}" if record.computers else ""


def _job(job: JobRecord) -> str:
    place = "@".join(filter(None, [job.code, job.computer])) or "unknown code"
    ended = "" if job.exit_status == 0 else f", exit status {job.exit_status}"
    cached = f", taken from the cache ({job.cached_from})" if job.cached_from else ""
    return f"  {job.pk} {job.stage}: {place}{ended}{cached} ({job.uuid})"


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line)
