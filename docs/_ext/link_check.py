"""A warning for each link of the built pages whose page, file or anchor is not there."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ANCHOR = re.compile(r'<[^>]* (?:id|name)="([^"]*)"')
TARGET = re.compile(r'<[^>]* (?:href|src)="([^"]*)"')


@cache
def read_anchors(page: Path) -> set[str]:
    """Return what links to a page may name; the empty anchor is its top."""
    return {"", *map(unescape, ANCHOR.findall(page.read_text("utf-8")))}


@cache
def is_there(page: Path, target: str) -> bool:
    """Return whether what a page links to is there; other sites are not asked."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return True
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not parts.fragment or file.suffix != ".html":
        return file.exists()
    return file.is_file() and unquote(parts.fragment) in read_anchors(file)


def find_broken_links(folder: Path) -> list[tuple[str, str]]:
    """Return page and target of each link of a folder to something that is not there.

    Listings of source code are left out: for objects that two pages document, the way back that
    sphinx.ext.viewcode writes has the page of one and the anchor of the other.
    """
    folder = folder.resolve()
    pages = [page for page in folder.rglob("*.html") if (folder / "_modules") not in page.parents]
    return [
        (page.relative_to(folder).as_posix(), target)
        for page in sorted(pages)
        for target in sorted(set(map(unescape, TARGET.findall(page.read_text("utf-8")))))
        if not is_there(page, target)
    ]


def setup(app: Any) -> dict[str, bool]:
    """Look at the pages when they are written."""
    from sphinx.util.logging import getLogger

    logger = getLogger(__name__)

    def warn(app: Any, error: Exception | None) -> None:
        read_anchors.cache_clear()
        is_there.cache_clear()
        broken = find_broken_links(Path(app.outdir)) if error is None else []
        for page, target in broken:
            logger.warning("%s links to %s, which is not there", page, target)

    app.connect("build-finished", warn)
    return {"parallel_read_safe": True}
