"""How an answer came to be: one paragraph, and the stages as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_hpaint import __version__
from aiida_hpaint.science.wording import format_count

__all__ = ["Process", "StageRow", "describe_provenance", "list_stages"]

_SHORT = 12
"""Digits of a hash in a sentence; the table of stages has all of them."""

_MODES = {"inserted": "the inserted sites in the fixed host", "all": "all sites in the fixed cell"}


@dataclass(frozen=True)
class Process:
    """The AiiDA process that a restoration ran as.

    Attributes
    ----------
    uuid
        Its node, in every profile.
    pk
        Its node in one profile; None in what is read elsewhere.
    jobs
        Number of its jobs, those that failed included; None if unknown.
    host
        Label of the host in the process, where it has another one here; None: the same.
    separate
        Sentences on stages that have jobs of their own although one job was possible or was begun.
    """

    uuid: str
    pk: int | None = None
    jobs: int | None = None
    host: str | None = None
    separate: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What commands call it by."""
        return self.uuid if self.pk is None else str(self.pk)


@dataclass(frozen=True)
class StageRow:
    """One record of the history.

    Attributes
    ----------
    name
        Name of the stage.
    model
        Name and SHA-256 of the model or potential; empty without one.
    settings
        Settings that it ran with, as text.
    device
        Device, empty if unknown.
    """

    name: str
    model: str
    settings: str
    device: str


def describe_provenance(
    history: Sequence[Mapping[str, Any]],
    source: Mapping[str, Any],
    process: Process | None,
    is_put_back: bool = False,
    searched: int | None = None,
    is_twice: bool = False,
) -> str:
    """Return a paragraph on host, generator, relaxations, potential and versions.

    Parameters
    ----------
    history
        Records of the stages.
    source
        Metadata of the host.
    process
        The AiiDA process, if there was one.
    is_put_back
        Whether the answer is in the host as measured although all sites relaxed.
    searched
        How many arrangements a search made for this host; None: as many as for all hosts.
    is_twice
        Whether the host was searched in two cells.
    """
    sentences = [_describe_source(source)]
    for record in history:
        settings = record.get("settings") or {}
        if record.get("stage") == "sample":
            sentences.append(_describe_sampling(record, settings, is_twice))
        elif settings.get("moving") and record.get("stage") != "score":
            sentences.append(_describe_relaxation(record, settings))
        elif record.get("stage") == "search":
            made = int(record.get("new_samples") or 0) if searched is None else searched
            text = f"A search made {format_count(made, 'further arrangement')}."
            sentences += [text] if made else []
    if is_put_back:
        sentences.append(
            "That rebuilt the host, so that the answer is from before: inserted sites relaxed "
            "in the host as measured."
        )
    versions = sorted({str(record["version"]) for record in history if record.get("version")})
    by = " and ".join(versions) or __version__
    sentences.append(f"All of it was done by aiida-hpaint {by}.")
    if process is not None:
        jobs = "" if process.jobs is None else f" in {format_count(process.jobs, 'job')}"
        sentences.append(
            f"It ran{jobs} as the process {process.uuid} of AiiDA, which keeps all inputs, jobs "
            "and outputs."
        )
        sentences += process.separate
    return " ".join(sentence for sentence in dict.fromkeys(sentences) if sentence)


def list_stages(history: Sequence[Mapping[str, Any]], source: Mapping[str, Any]) -> list[StageRow]:
    """Return the file of the host and the records of the history as rows of a table."""
    name, digest = source.get("source"), source.get("source_hash")
    file = [StageRow("file", _name_model({"name": name, "sha256": digest}), "", "")] if name else []
    return file + [
        StageRow(
            str(record.get("stage", "?")).replace("_", " "),
            _name_model(record.get("model")),
            _format_settings(record.get("settings") or {}),
            str(record.get("device") or ""),
        )
        for record in history
    ]


def _describe_source(source: Mapping[str, Any]) -> str:
    name, digest = source.get("source"), source.get("source_hash")
    if not name:
        return ""
    block = source.get("block")
    inside = f", block {block}" if block else ""
    return f"The host was read from {name}{inside}{_shorten(digest)}."


def _describe_sampling(
    record: Mapping[str, Any], settings: Mapping[str, Any], is_twice: bool
) -> str:
    number = format_count(int(settings.get("samples", 0)), "arrangement")
    generator = _mention_model(record.get("model")) or str(settings.get("generator", "a generator"))
    details = [f"seed {record.get('seed')}"]
    if settings.get("steps"):
        details = [f"{settings['steps']} steps", f"scheme {settings.get('scheme')}", *details]
    cells = " in its primitive cell, and as many in that of its file," if is_twice else ""
    return f"{number} of the inserted sites{cells} were drawn by {generator}: {', '.join(details)}."


def _describe_relaxation(record: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    model = record.get("model") or {}
    package = ""
    if model.get("package"):
        package = f" with {model['package']} {model.get('package_version', '')}".rstrip()
    limit = settings.get("fmax")
    return (
        f"{_MODES.get(str(settings['moving']), 'Sites').capitalize()} were relaxed{package} by "
        f"{_mention_model(model)} until forces were below {limit} eV/Å."
    )


def _mention_model(model: Any) -> str:
    """Name a model in a sentence, which a whole hash would make unreadable."""
    if not isinstance(model, Mapping):
        return _name_model(model)
    return f"{model.get('name', '?')}{_shorten(model.get('sha256'))}"


def _shorten(digest: Any) -> str:
    whole = str(digest or "")
    short = whole if len(whole) <= _SHORT else f"{whole[:_SHORT]}\N{HORIZONTAL ELLIPSIS}"
    return f" (SHA-256 {short})" if whole else ""


def _name_model(model: Any) -> str:
    if not isinstance(model, Mapping):
        return "" if model is None else str(model)
    digest = model.get("sha256")
    return f"{model.get('name', '?')}{f' (SHA-256 {digest})' if digest else ''}"


def _format_settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in settings.items())
