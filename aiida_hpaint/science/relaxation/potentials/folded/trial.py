"""A trial of the compiled loops: a small case, whose sums numpy knows, too.

A compiler that is wrong, or flags that do not fit the processor, are noticed before any energy.
"""

from __future__ import annotations

import ctypes
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_right"]

_Rows = list[NDArray[np.float32]]
"""(items, 2 l + 1, channels) for each l."""

_CHANNELS = 37
"""No multiple of what processors handle at once."""

_PAIRS = np.array([[0, 1], [1, 1], [1, 2]])
"""Sites of each pair; the second one is a pair of a site with itself."""

_KERNELS = np.array([2, 0, 1])
"""Row of the kernels of each pair."""

_PATHS = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))
"""l1, l2 and l3 of features, kernels and messages."""


def is_right(loops: ctypes.CDLL) -> bool:
    """Return whether both loops give the sums of numpy: by all kinds of paths, both ways."""
    paths, places, terms = _list_paths()
    kernels, features = _make_rows(3, _count_channels(1), 0), _make_rows(3, [_CHANNELS] * 2, 1)
    gradients = _make_rows(3, _count_channels(2), 2)
    expected = _sum(paths, places, terms, kernels, features, gradients)
    sent, to_kernels, to_features, to_features_alone = (
        [np.zeros_like(rows) for rows in like] for like in (gradients, kernels, features, features)
    )
    for rows in to_kernels:
        rows[:] = 7.0  # which has to be overwritten
    links = [np.ascontiguousarray(ends) for ends in (*_PAIRS.T, _KERNELS)]
    given = _describe(len(links[0]), *links, len(paths), paths, places, terms)
    given += [*_point(kernels), *_point(features)]
    loops.send(*given, *_point(sent))
    known = [*_point(gradients), *_describe(2)]
    to_both = _point(to_kernels)[0], _point(to_features)[0]
    loops.send_back(*given, *known, *to_both)
    loops.send_back(*given, *known, None, _point(to_features_alone)[0])
    found = [*sent, *to_kernels, *to_features, *to_features_alone]
    pairs = zip(found, [part for rows in (*expected, expected[2]) for part in rows], strict=True)
    return all(np.allclose(one, other, rtol=1e-4, atol=1e-4) for one, other in pairs)


def _count_channels(place: int) -> list[int]:
    """Return the channels of kernels (1) or messages (2) of l = 0 and 1: one part for each path."""
    return [_CHANNELS * sum(path[place] == degree for path in _PATHS) for degree in range(2)]


def _make_rows(items: int, widths: list[int], phase: int) -> _Rows:
    sizes = [(items, 2 * degree + 1, width) for degree, width in enumerate(widths)]
    return [np.sin(np.arange(np.prod(s)) + phase).reshape(s).astype(np.float32) for s in sizes]


def _list_paths() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return paths, places and terms as `messages.c` wants them; every third term is there."""
    paths, places = [], list[tuple[int, ...]]()
    for number, (l1, l2, l3) in enumerate(_PATHS):
        of_kernel = _CHANNELS * sum(path[1] == l2 for path in _PATHS[:number])
        of_message = _CHANNELS * sum(path[2] == l3 for path in _PATHS[:number])
        begun = len(places)
        places += list(product(range(2 * l1 + 1), range(2 * l2 + 1), range(2 * l3 + 1)))[::3]
        paths.append([l1, l2, l3, _CHANNELS, of_kernel, of_message, begun, len(places)])
    terms = np.cos(np.arange(len(places))).astype(np.float32)
    return np.array(paths), np.array(places), terms


def _sum(
    paths: NDArray[np.int64],
    places: NDArray[np.int64],
    terms: NDArray[np.float32],
    kernels: _Rows,
    features: _Rows,
    gradients: _Rows,
) -> tuple[_Rows, _Rows, _Rows]:
    """Return the messages, and the gradients by kernels and by features."""
    sent, to_kernels, to_features = (
        [np.zeros_like(rows) for rows in like] for like in (gradients, kernels, features)
    )
    for (first, second), row in zip(_PAIRS, _KERNELS, strict=True):
        ways = [(first, second, 1.0), (second, first, -1.0)][: 1 + (first != second)]
        for (to, by, sign), (l1, l2, l3, width, k0, s0, begin, end) in product(ways, paths):
            of_kernel, of_message = slice(k0, k0 + width), slice(s0, s0 + width)
            for (m1, m2, m3), term in zip(places[begin:end], terms[begin:end], strict=True):
                factor = term * sign**l2
                a, b = features[l1][by, m1], kernels[l2][row, m2, of_kernel]
                c = gradients[l3][to, m3, of_message]
                sent[l3][to, m3, of_message] += factor * a * b
                to_kernels[l2][row, m2, of_kernel] += factor * a * c
                to_features[l1][by, m1] += factor * b * c
    return sent, to_kernels, to_features


def _describe(*values: Any) -> list[Any]:
    """Return numbers and arrays as C takes them."""
    return [
        ctypes.c_void_p(one.ctypes.data) if isinstance(one, np.ndarray) else ctypes.c_longlong(one)
        for one in values
    ]


def _point(rows: _Rows) -> list[Any]:
    """Return the addresses of all rows, and their channels."""
    addresses = (ctypes.c_void_p * len(rows))(*(part.ctypes.data for part in rows))
    return [addresses, (ctypes.c_longlong * len(rows))(*(part.shape[2] for part in rows))]
