"""Coordinates as arithmetic expressions, as pw.x and cp.x take them (eval_infix.c)."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable

__all__ = ["evaluate"]

_TOKEN = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|[-+*/^()]")
_LONGEST = 256
"""What pw.x reads of an expression; it bounds the depth of parentheses, too."""
_SIGN = 3
"""How strongly a sign binds: more than a product, less than a power, so that -2^2 is -4."""
_OPERATORS: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, operator.truediv),
    "^": (4, math.pow),
}
"""How strongly each binds, and what it computes."""


def evaluate(text: str) -> float | None:
    """Return the value of numbers with + - * / ^ and parentheses; None if it has none."""
    tokens = _TOKEN.findall(text)
    if not tokens or len(text) > _LONGEST or "".join(tokens) != text:
        return None
    tokens.reverse()
    try:
        value = _take_value(tokens, 0)
    except (ArithmeticError, IndexError, ValueError):
        return None
    return value if not tokens and math.isfinite(value) else None


def _take_value(tokens: list[str], lowest: int) -> float:
    """Take what operators that bind at least so strongly join, from the end of the tokens."""
    token = tokens.pop()
    if token in "+-":
        value = _take_value(tokens, _SIGN) * (-1 if token == "-" else 1)
    elif token == "(":
        value = _take_value(tokens, 0)
        if tokens.pop() != ")":
            raise ValueError("a parenthesis is not closed")
    else:
        value = float(re.sub("[dD]", "e", token))
    while tokens and tokens[-1] in _OPERATORS and _OPERATORS[tokens[-1]][0] >= lowest:
        strength, compute = _OPERATORS[symbol := tokens.pop()]
        value = compute(value, _take_value(tokens, strength + (symbol != "^")))
    return value
