"""Bytes of files: every encoding of a text gives that text."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from aiida_hpaint.science.structures import HostError
from aiida_hpaint.science.structures.reading.text import read_source_text

TEXT = "data_é\n_a 'Å'\n"


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (TEXT.encode(), ""),
        (TEXT.encode("utf-8-sig"), ""),
        (TEXT.encode("utf-16"), ""),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), ""),
        (TEXT.encode("latin-1"), "it was read as Latin-1"),
        (TEXT.replace("\n", "\r\n").encode(), ""),
        (TEXT.replace("\n", "\r").encode(), ""),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_encoding_gives_the_text(tmp_path: Path, data: bytes, note: str, pack) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / ("x.cif" if pack is bytes else "x.cif.gz")
    path.write_bytes(pack(data))
    found = read_source_text(path)
    assert found.text == TEXT
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert note in " ".join(found.notes)
    assert len(found.notes) == bool(note)


def test_zeros_at_the_end_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.res"
    path.write_bytes(b"END\n\x1a\0\0\r\n")
    assert read_source_text(path).text == "END\n"


def test_signs_of_typesetting_are_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "x.cif"
    path.write_text("_a\u00a0\u22120.25\n_b '\u2212x,y'\n_c 'pages 10\u201312 \u2013 end'\n")
    found = read_source_text(path)
    assert found.text == "_a -0.25\n_b '-x,y'\n_c 'pages 10\u201312 \u2013 end'\n"
    assert found.notes == ("Minus signs and blanks of typesetting were read as plain ones.",)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.cif", TEXT.encode("utf-16-le"), "zero bytes"),
        ("x.cif.gz", b"data_x", "no gzip file"),
        ("x.cif.gz", gzip.compress(TEXT.encode(), mtime=0)[:-12], "cut off"),
        ("x.cif.gz", b"", "cut off"),
    ],
)
def test_what_is_no_text(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(HostError, match=message):
        read_source_text(tmp_path / name)


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiida_hpaint.science.structures.reading.text.MAX_TEXT_BYTES", 2**20)
    path = tmp_path / "x.cif.gz"
    path.write_bytes(gzip.compress(b" " * 2**22))
    with pytest.raises(HostError, match="more than 1 MiB"):
        read_source_text(path)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"it is a directory. Name its files, like .*/\*\.cif"):
        read_source_text(tmp_path)
    with pytest.raises(HostError, match="no such file"):
        read_source_text(tmp_path / "x.cif")
