"""The trial that compiled loops have to pass: mistakes in any part of them are noticed."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path

import pytest

from aiida_hpaint.science.diffusion.networks import layers
from aiida_hpaint.science.diffusion.networks.trial import is_right

SOURCE = layers._SOURCE.read_text(encoding="utf-8")

MISTAKES = [
    ("{rows, i, -1.0}", "{rows, i, 1.0}"),
    ("square <= 1e-6", "square < 0"),
    ("square >= reach", "square >= reach / 2"),
    ("shift[a] -= rint(shift[a])", "shift[a] += 0.01"),
    ("logarithm < least ? least : logarithm", "logarithm"),
    ("(q - 1) % 3 * width", "(q - 1) / 3 * width"),
    ("k + 1 < net->count ? n : m", "m"),
    ("product += left", "product = left"),
    ("+ net->epsilon", ""),
    ("n = 13; n > 0", "n = 13; n > 1"),
]
"""What is right, and what is not, but stays within the memory that there is."""


def compile_and_try(source: str, folder: Path) -> bool:
    # A library of the same name may be taken for the one before.
    file = Path(tempfile.mkdtemp(dir=folder)) / "loops.c"
    library = file.with_suffix(".so")
    file.write_text(source, encoding="utf-8")
    flags = ["-O0", "-shared", "-fPIC", "-std=c99"]
    subprocess.run(["cc", *flags, "-o", str(library), str(file), "-lm"], check=True)
    return is_right(ctypes.CDLL(str(library)))


def test_the_loops_are_right(tmp_path: Path) -> None:
    assert compile_and_try(SOURCE, tmp_path)


@pytest.mark.parametrize(("right", "wrong"), MISTAKES)
def test_mistakes_are_noticed(right: str, wrong: str, tmp_path: Path) -> None:
    assert right in SOURCE
    assert not compile_and_try(SOURCE.replace(right, wrong), tmp_path)
