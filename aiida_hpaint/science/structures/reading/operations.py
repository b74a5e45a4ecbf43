"""Symmetry operations as text, and whether they make a group."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = [
    "Operation",
    "add_identity",
    "find_missing_product",
    "format_operation",
    "from_gemmi",
    "multiply_operations",
    "parse_operation",
    "same_operations",
    "stack_operations",
]

_TERM = re.compile(r"([+-]?)(?:(\d+)/(\d+)|(\d+\.?\d*|\.\d+))?\*?([xyz]?)")
_TYPED = 4e-3
"""How far from a multiple of 1/24 a translation that is typed as a decimal may be: 0.33 is 1/3."""
_STEPS = 720
"""Translations are compared as multiples of 1/720."""

_LONGEST = 1000
"""Largest number of characters of an operation, which is remembered."""

Operation = tuple[IntArray, FloatArray]
"""(3, 3) matrix and (3,) translation."""


def parse_operation(text: str) -> Operation | None:
    """Read an operation such as `-x+y, 1/2+z, 0.25-x`; None if it is none."""
    cleaned = re.sub(r"[\s'\"]", "", text.lower())
    return _parse(cleaned) if len(cleaned) <= _LONGEST else None


@lru_cache(maxsize=1024)  # most crystals share them
def _parse(text: str) -> Operation | None:
    rows = text.split(",")
    if len(rows) != 3:
        return None
    matrix, shift = np.zeros((3, 3)), np.zeros(3)
    for at, row in enumerate(rows):
        if not row or "".join(m[0] for m in _TERM.finditer(row)) != row:
            return None
        for sign, top, bottom, decimal, axis in _TERM.findall(row):
            if not (top or decimal or axis):
                continue
            if bottom and not int(bottom):
                return None
            size = int(top) / int(bottom) if top else float(decimal or 1)
            value = -size if sign == "-" else size
            if axis:
                matrix[at, "xyz".index(axis)] += value
            else:
                shift[at] += _snap(value) if decimal else value
    rounded = np.rint(matrix).astype(np.int64)
    if not np.allclose(matrix, rounded) or abs(abs(np.linalg.det(matrix)) - 1) > 1e-6:
        return None
    rounded.setflags(write=False)
    shift.setflags(write=False)
    return rounded, shift


def _snap(value: float) -> float:
    nearest = round(value * 24) / 24
    return nearest if abs(value - nearest) < _TYPED else value


def format_operation(rotation: IntArray, shift: FloatArray) -> str:
    """Write an operation as text, with fractions."""
    from fractions import Fraction

    rows = []
    for row, value in zip(rotation.tolist(), shift.tolist(), strict=True):
        words = [
            f"{'-' if factor < 0 else '+'}{abs(factor) if abs(factor) > 1 else ''}{axis}"
            for factor, axis in zip(row, "xyz", strict=True)
            if factor
        ]
        part = Fraction(value % 1).limit_denominator(100)
        words += [f"+{part}"] if part else []
        rows.append("".join(words).removeprefix("+"))
    return ",".join(rows)


def from_gemmi(cell: FloatArray, operations: Iterable[object]) -> SymmetryOperations:
    """Convert operations of gemmi, centring included."""
    seitz = np.array([op.float_seitz() for op in operations], dtype=np.float64)  # type: ignore[attr-defined]
    return SymmetryOperations(cell, np.rint(seitz[:, :3, :3]).astype(np.int64), seitz[:, :3, 3])


def stack_operations(cell: FloatArray, found: Sequence[Operation]) -> SymmetryOperations:
    """Put operations together, each of them once (modulo lattice vectors)."""
    rotations = np.array([rotation for rotation, _ in found], dtype=np.int64)
    shifts = np.array([shift for _, shift in found], dtype=np.float64)
    _, first = np.unique(_encode(rotations, shifts), return_index=True)
    kept = np.sort(first)
    return SymmetryOperations(cell, rotations[kept], shifts[kept])


def add_identity(operations: SymmetryOperations) -> tuple[SymmetryOperations, bool]:
    """Put the identity first if it is missing; also return whether it was."""
    whole = np.abs(operations.translations - np.rint(operations.translations)).max(axis=1) < _TYPED
    if (whole & (operations.rotations == np.eye(3)).all(axis=(1, 2))).any():
        return operations, False
    rotations = np.concatenate([np.eye(3, dtype=np.int64)[None], operations.rotations])
    shifts = np.concatenate([np.zeros((1, 3)), operations.translations])
    return SymmetryOperations(operations.cell, rotations, shifts), True


def multiply_operations(left: Sequence[Operation], right: Sequence[Operation]) -> list[Operation]:
    """Return all products of two lists of operations, those of the first of `left` first."""
    return [(a @ b, a @ t + s) for a, s in left for b, t in right]


def _multiply(left: SymmetryOperations, right: SymmetryOperations) -> tuple[IntArray, FloatArray]:
    """Return rotations and translations of all products, (left, right, ...)."""
    rotations = np.einsum("aij,bjk->abik", left.rotations, right.rotations)
    shifts = np.einsum("aij,bj->abi", left.rotations, right.translations)
    return rotations, shifts + left.translations[:, None]


def find_missing_product(operations: SymmetryOperations) -> tuple[int, int] | None:
    """Find two operations whose product is not in the list; None for a group."""
    rotations, shifts = _multiply(operations, operations)
    known = _encode(operations.rotations, operations.translations)
    missing = ~np.isin(_encode(rotations, shifts), known)
    if not missing.any():
        return None
    first, second = np.argwhere(missing)[0].tolist()
    return first, second


def same_operations(left: SymmetryOperations, right: SymmetryOperations) -> bool:
    """Return whether two groups have the same operations, modulo lattice vectors."""
    codes = (np.unique(_encode(one.rotations, one.translations)) for one in (left, right))
    return np.array_equal(next(codes), next(codes))


def _encode(rotations: IntArray, shifts: FloatArray) -> IntArray:
    """Encode operations as integers; entries of rotations are from -4 to 4."""
    digits = rotations.reshape(*rotations.shape[:-2], 9) + 4
    code = np.zeros(digits.shape[:-1], dtype=np.int64)
    for at in range(9):
        code = code * 9 + digits[..., at]
    steps = np.rint(np.mod(shifts, 1.0) * _STEPS).astype(np.int64) % _STEPS
    for at in range(3):
        code = code * _STEPS + steps[..., at]
    return code
