"""The provenance of structures as a picture: hosts, stages and structures, not every node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from aiida_hpaint.queries.provenance_record import JobRecord, ModelRecord, ProvenanceRecord

__all__ = ["draw_provenance"]

_WIDTH, _GAP, _LINE, _MARGIN = 260, 34, 16, 20
"""Width of a box, gap between boxes, height of a line and margin of the picture, in pixels."""

_BORDER = 8
"""Distance of the frame of a list from its boxes, in pixels."""

_LETTERS = 38
"""Most letters of a line in a box."""

_PER_ROW = 3
"""Most boxes side by side."""

_COLOURS = {"host": "#e3eefb", "stage": "#fdf3dc", "structure": "#e2f4e4"}

_TITLES = {
    "sample": "Sample positions",
    "score": "Score",
    "relax_inserted": "Relax the inserted sites",
    "relax_all": "Relax all sites",
    "search": "Search further",
    "rescore": "Rank with another potential",
    "potential": "Electrostatic potential (pp.x)",
    "scf": "Density (pw.x)",
    "relax": "Relax by DFT (pw.x)",
    "vc-relax": "Relax by DFT (pw.x)",
}


@dataclass(frozen=True)
class _Box:
    """A box of the picture: its first line is a title."""

    kind: str
    lines: tuple[str, ...]

    @property
    def height(self) -> int:
        return _LINE * len(self.lines) + 14


def draw_provenance(records: Sequence[ProvenanceRecord]) -> str:
    """Draw the way from hosts to structures as SVG.

    Parameters
    ----------
    records
        Records of structures of one process; the jobs of one stage are one box.

    Raises
    ------
    ValueError
        If there is no record.
    """
    if not records:
        raise ValueError("there is no structure whose provenance could be drawn")
    hosts = list(dict.fromkeys(box for one in records if (box := _describe_host(one))))
    stages = [(box,) for box in _describe_stages(records)]
    structures = [_describe_structure(one) for one in records]
    rows = [*_split(hosts), *stages, *_split(structures)]
    width = max(map(len, rows)) * (_WIDTH + _GAP) - _GAP + 2 * _MARGIN
    lists = {kind for kind, boxes in (("host", hosts), ("structure", structures)) if boxes[1:]}
    parts, top, before = _frame_lists(rows, lists, width), _MARGIN, None
    for row in rows:
        left = (width - len(row) * (_WIDTH + _GAP) + _GAP) // 2
        # Boxes of one kind in several rows are a list, not steps.
        if before is not None and (before != row[0].kind or before == "stage"):
            middle = width // 2
            begins = top - _GAP + (_BORDER if before in lists else 0)
            ends = top - 6 - (_BORDER if row[0].kind in lists else 0)
            parts.append(
                f'<line x1="{middle}" y1="{begins}" x2="{middle}" y2="{ends}" '
                'class="step" marker-end="url(#tip)"/>'
            )
        for place, box in enumerate(row):
            parts.append(_draw_box(box, left + place * (_WIDTH + _GAP), top))
        top += max(box.height for box in row) + _GAP
        before = row[0].kind
    return _wrap(parts, width, top - _GAP + _MARGIN)


def _frame_lists(rows: Sequence[tuple[_Box, ...]], lists: set[str], width: int) -> list[str]:
    """Draw frames around the boxes of each kind that is a list; arrows begin or end there."""
    frames, top = list[str](), _MARGIN
    for kind, group in groupby(rows, key=lambda row: row[0].kind):
        members = list(group)
        bottom = top + sum(max(box.height for box in row) + _GAP for row in members) - _GAP
        if kind in lists:
            wide = max(map(len, members)) * (_WIDTH + _GAP) - _GAP + 2 * _BORDER
            frames.append(
                f'<rect x="{(width - wide) // 2}" y="{top - _BORDER}" width="{wide}" '
                f'height="{bottom - top + 2 * _BORDER}" rx="8" class="list"/>'
            )
        top = bottom + _GAP
    return frames


def _describe_host(record: ProvenanceRecord) -> _Box | None:
    host = record.host
    if host is None:
        return None
    source = [str(host.source[key]) for key in ("file", "source") if host.source.get(key)][:1]
    inserted = ", ".join(f"{number} {symbol}" for symbol, number in record.inserted.items())
    lines = [f"Host {host.label}", *source]
    lines += [f"missing: {inserted}"] if inserted else []
    return _Box("host", (*lines, f"node {host.structure or host.pk}"))


def _describe_stages(records: Sequence[ProvenanceRecord]) -> list[_Box]:
    """Return a box for each stage, in the order in which their first jobs were created."""
    # One job may have run several stages.
    jobs = {(job.pk, job.stage): job for record in records for job in record.jobs}
    stages = dict.fromkeys(job.stage for job in sorted(jobs.values(), key=lambda job: job.pk))
    first = records[0]
    boxes = []
    for stage in stages:
        of_stage = [job for job in jobs.values() if job.stage == stage]
        lines = [_TITLES.get(stage, stage.replace("_", " "))]
        if stage == "sample":
            lines += _describe_model("model", first.model)
            lines += [] if first.seed is None else [f"seed {first.seed}"]
        elif stage in first.settings:
            lines += _describe_model("potential", first.potential)
        boxes.append(_Box("stage", (*lines, _describe_jobs(of_stage))))
    return boxes


def _describe_model(kind: str, model: ModelRecord | None) -> list[str]:
    if model is None:
        return []
    known = f"sha256 {model.sha256[:8]}" if model.sha256 else model.package or ""
    return [f"{kind} {model.name}" + (f", {known}" if known else "")]


def _describe_jobs(jobs: Sequence[JobRecord]) -> str:
    computers = sorted({job.computer for job in jobs if job.computer})
    if len(jobs) == 1:
        return f"job {jobs[0].pk}" + "".join(f" on {one}" for one in computers)
    return f"{len(jobs)} jobs" + (f" on {', '.join(computers)}" if computers else "")


def _describe_structure(record: ProvenanceRecord) -> _Box:
    lines = [f"{record.label} ({record.formula})"]
    if record.dft is not None and record.dft.energy is not None:
        lines.append(f"{record.dft.energy:.4f} eV by DFT")
    elif record.sample is not None and record.sample.energy is not None:
        lines.append(f"sample {record.sample.number}, {record.sample.energy:.4f} eV")
    return _Box("structure", (*lines, f"node {record.pk}"))


def _split(boxes: Sequence[_Box]) -> Iterable[tuple[_Box, ...]]:
    for first in range(0, len(boxes), _PER_ROW):
        yield tuple(boxes[first : first + _PER_ROW])


def _draw_box(box: _Box, left: int, top: int) -> str:
    texts = "".join(
        f'<text x="{left + _WIDTH // 2}" y="{top + 18 + row * _LINE}" '
        f'class="{"detail" if row else "title"}">{_clean(line)}</text>'
        for row, line in enumerate(box.lines)
    )
    return (
        f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{box.height}" rx="6" '
        f'fill="{_COLOURS[box.kind]}"/>{texts}'
    )


def _clean(text: str) -> str:
    printable = "".join(sign if sign.isprintable() else "?" for sign in text)
    short = printable if len(printable) <= _LETTERS else f"{printable[: _LETTERS - 1]}…"
    return escape(short)


def _wrap(parts: Sequence[str], width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}">\n<style>text{{font:12px sans-serif;text-anchor:middle;fill:#222}}'
        ".title{font-weight:bold}rect{stroke:#777}.step{stroke:#777}"
        ".list{fill:none;stroke:#aaa;stroke-dasharray:4 3}</style>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#777"/></marker></defs>\n'
        f'<rect width="100%" height="100%" fill="#fff" stroke="none" style="stroke:none"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
