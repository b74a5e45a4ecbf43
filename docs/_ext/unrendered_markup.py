"""A warning for each directive or role that a page shows as text, which Sphinx does not notice."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

PATTERN = re.compile(
    r"^\s*\.\. [a-z-]+::|^\s*:::+\{|^\s*```+\{|\{[a-z:-]+\}`|:[a-z]+:`", re.MULTILINE
)
"""Directives and roles of reStructuredText and of MyST."""


def find_unrendered(doctree: nodes.document) -> list[str]:
    """Return the markup that a page would show as text, outside of code."""
    code = (nodes.literal, nodes.literal_block, nodes.raw, nodes.comment)
    return [
        match[0].strip()
        for text in doctree.findall(nodes.Text)
        if not isinstance(text.parent, code)
        for match in PATTERN.finditer(text.astext())
    ]


def setup(app: Any) -> dict[str, bool]:
    """Look at each page when its references are resolved."""
    from sphinx.util.logging import getLogger

    logger = getLogger(__name__)

    def warn(_app: Any, doctree: nodes.document, page: str) -> None:
        for markup in find_unrendered(doctree):
            logger.warning("markup is shown as text: %s", markup, location=page)

    app.connect("doctree-resolved", warn)
    return {"parallel_read_safe": True}
