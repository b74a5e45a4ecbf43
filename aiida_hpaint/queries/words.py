"""The story of a structure in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiida_hpaint.queries.story import RESTORED_BY_DFT, Job, Model, Relaxed, Story

__all__ = ["tell"]


def tell(story: Story) -> str:
    """Several lines; labels of others' files keep nothing that a terminal would obey."""
    return "\n".join(_printable(line) for line in _lines(story))


def _lines(story: Story) -> Iterator[str]:
    yield f"{story.label} ({story.formula}), node {story.pk} ({story.uuid})"
    yield _what(story)
    if story.host is not None:
        yield _host(story)
    yield from _sample(story)
    if story.model is not None:
        seed = "" if story.seed is None else f", seed {story.seed}"
        yield f"Model: {_model(story.model)}{seed}"
    if story.potential is not None:
        yield f"Potential: {_model(story.potential)}"
    if story.version is not None:
        yield f"Version: aiida-hpaint {story.version}"
    if story.dft is not None:
        yield f"DFT: {_dft(story.dft)}"
    for element, pseudo in _pseudopotentials(story).items():
        yield f"Pseudopotential of {element}: {pseudo['filename']}, MD5 {pseudo['md5']}"
    for stage, settings in _settings(story).items():
        yield f"Settings of {stage}: {_values(settings)}"
    yield f"Jobs: {len(story.jobs)}{_where(story)}"
    yield from map(_job, story.jobs)
    if story.process is not None:
        yield f"Returned by process {story.process}: `verdi process status {story.process}`"


def _what(story: Story) -> str:
    if story.role == "reference":
        done = "is" if story.dft is None else "was relaxed by DFT from"
        return f"It {done} a reference that candidates were compared with."
    if story.kind == RESTORED_BY_DFT:
        return "DFT alone restored it: at maxima of the electrostatic potential."
    if story.dft is not None:
        return "It was relaxed by DFT from a candidate."
    return "It is the structure of a sample, as the potential relaxed it."


def _host(story: Story) -> str:
    host = story.host
    assert host is not None
    source = ", ".join(str(host.source[key]) for key in ("source", "file") if host.source.get(key))
    added = " ".join(f"{count} {element}" for element, count in story.inserted.items())
    known = (
        f"node {host.pk}" if host.structure == host.pk else f"number {host.place} of node {host.pk}"
    )
    structure = f", structure {host.structure}" if host.structure not in (None, host.pk) else ""
    came = f", from {source}" if source else ""
    return f"Host: {host.label} ({known}{structure}{came}); inserted: {added or 'nothing'}"


def _sample(story: Story) -> Iterator[str]:
    sample = story.sample
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


def _model(model: Model) -> str:
    parts = [model.name, model.package or "", f"sha256 {model.sha256}" if model.sha256 else ""]
    return ", ".join(filter(None, parts))


def _dft(dft: Relaxed) -> str:
    parts = [dft.status]
    if dft.energy is not None:
        parts.append(f"{dft.energy:.4f} eV")
    if dft.max_force is not None:
        parts.append(f"max force {dft.max_force:.3f} eV/Å")
    return ", ".join([*parts, *filter(None, [dft.message])])


def _pseudopotentials(story: Story) -> dict[str, Mapping[str, str]]:
    return {
        element: pseudo
        for job in story.jobs
        for element, pseudo in sorted(job.pseudopotentials.items())
    }


def _settings(story: Story) -> dict[str, Mapping[str, Any]]:
    by_dft = {} if story.dft is None else {"DFT": story.dft.settings}
    return {**story.settings, **by_dft}


def _values(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Flat, without what is left to defaults."""
    parts = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            parts.append(_values(value, f"{prefix}{key}."))
        elif value is not None:
            parts.append(f"{prefix}{key}={value}")
    return " ".join(filter(None, parts))


def _where(story: Story) -> str:
    return f", on {', '.join(story.computers)}" if story.computers else ""


def _job(job: Job) -> str:
    place = "@".join(filter(None, [job.code, job.computer])) or "unknown code"
    ended = "" if job.exit_status == 0 else f", exit status {job.exit_status}"
    cached = f", taken from the cache ({job.cached_from})" if job.cached_from else ""
    return f"  {job.pk} {job.stage}: {place}{ended}{cached} ({job.uuid})"


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line)
