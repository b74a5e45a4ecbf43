"""Malicious names, as the author of a file may choose them."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = (
    "",
    ".",
    "..",
    "~",
    "-rf",
    "--output=x",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "$(touch pwned)",
    "`touch pwned`",
    "a | touch pwned & b > c < d",
    "a\nb",
    "a\r\ndata_other",
    "\n_cell_length_a 1",
    "a\x00b",
    "\x1b[2J\x1b]0;owned\x07",
    "../../up",
    "/etc/passwd",
    "C:\\Windows\\x",
    "..\\up",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</title></style><svg onload=alert(1)>",
    "&lt;b&gt; &#x3c;",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "\u2066\u200b\ufeff",
    "\ud800",
    "x" * 3000,
    "é" * 150,
    "CON",
    "nul",
    "COM1",
    "a_dft",
    "A",
    "a",
    "[red]x[/red]",
    "[/]",
    "[link=https://example.org]x[/link]",
    ":smile:",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "data_x",
    "loop_",
    "_atom_site_label",
    "#comment",
    ";\ntext\n;",
    "$\\frac{",
    'x" Lattice="1 0 0 0 1 0 0 0 1',
    "x=y z='1'",
    "{0.__class__} %s %(x)s",
    "| a | b |",
    "[a](javascript:alert(1))",
)

names = st.one_of(st.sampled_from(NASTY), st.text(st.characters(), max_size=60))
"""The malicious names, and any text including lone surrogates."""

known = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
"""Any text that can be encoded in UTF-8."""
