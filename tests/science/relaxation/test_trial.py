"""The trial that compiled loops have to pass: mistakes in any of them are noticed."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path

import pytest

from aiida_hpaint.science.relaxation.potentials.folded import native
from aiida_hpaint.science.relaxation.potentials.folded.trial import is_right

SOURCE = native._SOURCE.read_text(encoding="utf-8")
SEND, BACK = SOURCE.split("void send_back")

MISTAKES = [
    ("way && l2 % 2 ? -1.0f : 1.0f", "1.0f"),
    ("first[p] == second[p] ? 1 : 2", "2"),
    ("first[p] == second[p] ? 1 : 2", "1"),
    ("which[p]) + path[4]", "p) + path[4]"),
    ("which[p]) + path[4]", "which[p])"),
    ("n) + path[5]", "n)"),
    ("t < path[7]", "t < path[7] - 1"),
    ("i < width", "i < width - width % 8"),
    ("places[3 * t + 1] *", "0 *"),
]
"""What is right in both loops, and what is not."""

MISTAKES_BACK = [
    ("0,\n                   (2 * l2 + 1)", "0, l2"),
    ("to_a[i] += scaled * b[i]", "to_a[i] = scaled * b[i]"),
    ("to_b[i] += scaled * a[i]", "to_b[i] += term * a[i]"),
    ("to_a[i] += term * c[i] * b[i]", "to_a[i] += c[i] * b[i]"),
]
"""What is right in the second loop only."""


def compile_and_try(source: str, folder: Path) -> bool:
    # A library of the same name may be taken for the one before.
    file = Path(tempfile.mkdtemp(dir=folder)) / "loops.c"
    library = file.with_suffix(".so")
    file.write_text(source, encoding="utf-8")
    flags = ["-O0", "-shared", "-fPIC", "-std=c99"]
    subprocess.run(["cc", *flags, "-o", str(library), str(file)], check=True)
    return is_right(ctypes.CDLL(str(library)))


def test_the_loops_are_right(tmp_path: Path) -> None:
    assert compile_and_try(SOURCE, tmp_path)


@pytest.mark.parametrize(("right", "wrong"), MISTAKES)
def test_mistakes_in_either_loop_are_noticed(right: str, wrong: str, tmp_path: Path) -> None:
    assert right in SEND
    assert right in BACK
    wrongs = SEND.replace(right, wrong), BACK.replace(right, wrong)
    for loops in ((wrongs[0], BACK), (SEND, wrongs[1])):
        assert not compile_and_try("void send_back".join(loops), tmp_path)


@pytest.mark.parametrize(("right", "wrong"), MISTAKES_BACK)
def test_mistakes_in_gradients_are_noticed(right: str, wrong: str, tmp_path: Path) -> None:
    assert right in BACK
    assert not compile_and_try(SOURCE.replace(right, wrong), tmp_path)
