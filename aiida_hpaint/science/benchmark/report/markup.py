"""Pieces of HTML: whatever comes from a file is text here, and is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light; --ink: #1f2933; --faint: #5f6b76; --line: #e3e7ea; --pale: #f6f8f9; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 66rem; padding: 2.5rem 1.5rem 4rem; color: var(--ink);
  background: #fff; font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { margin: 0; font-size: 1.7rem; letter-spacing: -0.01em; }
h2 { margin: 2.8rem 0 0.8rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line);
  font-size: 1.15rem; }
p { max-width: 48rem; margin: 0.4rem 0 1rem; }
p.lead, figcaption, .note { color: var(--faint); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.32rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
thead th { border-bottom: 2px solid var(--ink); font-size: 0.86em; vertical-align: bottom; }
tbody th { font-weight: 500; }
.number { text-align: right; white-space: nowrap; }
tr.strong td, tr.strong th { background: var(--pale); font-weight: 650; }
table.small { font-size: 0.85em; }
table.small td:last-child { min-width: 12rem; }
table.small th { white-space: nowrap; }
table.small thead th { white-space: normal; }
td.hash { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 0.9em;
  overflow-wrap: anywhere; }
.dot { display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.4em;
  border-radius: 50%; }
figure { margin: 1.4rem 0 2.2rem; break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; }
figcaption { max-width: 52rem; margin-top: 0.4rem; font-size: 0.9em; }
details { margin: 0.9rem 0; }
summary { cursor: pointer; padding: 0.3rem 0; font-weight: 600; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } }
""".strip()

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for the page: nothing but what is in it."""


def document(title: str, body: Sequence[str]) -> str:
    """A page that needs no other file; `body` is HTML."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{STYLE}\n</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    dots: Sequence[str] = (),
    numbers: bool = False,
    strong: Sequence[int] = (),
    hashes: bool = False,
) -> str:
    """A table of texts.

    Parameters
    ----------
    head
        A text a column.
    rows
        The first text of each names the row.
    dots
        Colours before the last headings, one each.
    numbers
        Whether all columns but the first are aligned to the right; the table is small if not.
    strong
        Rows that stand out.
    hashes
        Whether all columns but the first are set in a typewriter face.
    """
    colours = [*[""] * (len(head) - len(dots)), *dots]
    kind = ' class="number"' if numbers else ' class="hash"' if hashes else ""
    heading = ' class="number"' if numbers else ""
    top = [
        f'<th scope="col"{heading if place else ""}>{_dot(colour)}{escape(text)}</th>'
        for place, (text, colour) in enumerate(zip(head, colours, strict=True))
    ]
    lines = [
        f'<tr{" class=strong" if place in strong else ""}><th scope="row">{escape(first)}</th>'
        + "".join(f"<td{kind}>{escape(text)}</td>" for text in rest)
        + "</tr>"
        for place, (first, *rest) in enumerate(rows)
    ]
    small = "" if numbers else ' class="small"'
    return (
        f'<div class="scroll"><table{small}>\n<thead><tr>{"".join(top)}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def picture(svg: bytes, caption: str) -> str:
    """A figure with its caption, which is its text for those who cannot see it."""
    source = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
    text = escape(caption)
    return f'<figure><img src="{source}" alt="{text}">\n<figcaption>{text}</figcaption></figure>'


def heading(text: str) -> str:
    """The title of a part."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """Text of a class of `STYLE`."""
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>"


def folded(title: str, inside: str, *, unfolded: bool = False) -> str:
    """A part that a reader opens; `inside` is HTML."""
    state = " open" if unfolded else ""
    return f"<details{state}><summary>{escape(title)}</summary>\n{inside}\n</details>"


def _dot(colour: str) -> str:
    return f'<span class="dot" style="background:{escape(colour)}"></span>' if colour else ""
