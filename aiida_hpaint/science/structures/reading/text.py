"""Text of files in the encodings that users have, and the hash of their bytes."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from aiida_hpaint.science.structures.errors import HostError, make_host_error
from aiida_hpaint.science.structures.file_limits import MAX_TEXT_BYTES

__all__ = ["SourceText", "check_is_file", "read_source_text"]

_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

_MOST_NAMES = 2000
"""Most names of a folder that are compared with one that is not there."""

_BLANK = re.compile("[\u00a0\u2000-\u200a\u202f]")
_MINUS = re.compile(r"(?<![^\s,'\"])[\u2010-\u2013\u2212](?=\.?[\dxyz])", re.IGNORECASE)
"""A minus of typesetting before a number or a coordinate, as text copied from a page has it."""

_PADDING = "\0\x1a \t\r\n"
"""What old programs end files with: Ctrl-Z, and zeros up to the end of a block."""


@dataclass(frozen=True)
class SourceText:
    """Text of one file.

    Attributes
    ----------
    text
        The text, with line feeds as ends of lines.
    sha256
        SHA-256 of the bytes of the file, compressed as they are.
    notes
        What was assumed about the encoding.
    """

    text: str
    sha256: str
    notes: tuple[str, ...] = ()


def check_is_file(path: Path) -> None:
    """Raise HostError if there is no such file, or it is too large to be a structure."""
    if path.is_dir():
        raise make_host_error(str(path), "it is a directory", f"Name its files, like {path}/*.cif")
    if not path.is_file():
        raise make_host_error(str(path), "there is no such file", _find_meant(path))
    if path.stat().st_size > MAX_TEXT_BYTES and path.suffix.lower() != ".npz":
        raise _make_size_error(path.name)


def _find_meant(path: Path) -> str:
    """Return the remedy for a path without a file: the file that is meant, if one is close."""
    try:
        names = [each.name for each in islice(path.parent.iterdir(), _MOST_NAMES)]
    except OSError:
        names = []
    close = get_close_matches(path.name, names, n=1, cutoff=0.8)
    meant = f" (did you mean {path.with_name(close[0])}?)" if close else ""
    return f"Check the path{meant}"


def _make_size_error(name: str) -> HostError:
    reason = f"it has more than {MAX_TEXT_BYTES >> 20} MiB"
    return make_host_error(name, reason, "Leave out reflections and other raw data")


def read_source_text(path: Path) -> SourceText:
    """Read a text file: UTF-8, UTF-16 with a byte order mark, or Latin-1; maybe gzipped.

    Raises
    ------
    HostError
        If it cannot be opened or unpacked, is too large, or is no text.
    """
    check_is_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise make_host_error(
            path.name, f"it cannot be opened ({error.strerror})", "Check the file"
        ) from error
    sha256 = hashlib.sha256(data).hexdigest()
    if path.name.lower().endswith(".gz"):
        data = _unpack(path.name, data)
    if len(data) > MAX_TEXT_BYTES:
        raise _make_size_error(path.name)
    text, notes = _decode(path.name, data)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = _MINUS.sub("-", _BLANK.sub(" ", text))
    if plain != text:
        notes = (*notes, "Minus signs and blanks of typesetting were read as plain ones.")
    return SourceText(plain, sha256, notes)


def _unpack(name: str, data: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        # A few kilobytes can unpack to more than the memory holds.
        unpacked = stream.decompress(data, MAX_TEXT_BYTES + 1)
    except zlib.error as error:
        raise make_host_error(
            name, f"it is no gzip file ({error})", "Unpack it, or name it without .gz"
        ) from error
    if not stream.eof and len(unpacked) <= MAX_TEXT_BYTES:
        raise make_host_error(name, "it is cut off (gzip)", "Fetch it again")
    return unpacked


def _decode(name: str, data: bytes) -> tuple[str, tuple[str, ...]]:
    encoding = next((e for mark, e in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
        notes: tuple[str, ...] = ()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        notes = ("The file is not in UTF-8: it was read as Latin-1.",)
    kept = text.rstrip(_PADDING)
    if text[len(kept) :].strip():  # a regular expression would take hours where zeros are inside
        text = f"{kept}\n"
    if "\0" in text:
        reason = "it holds zero bytes: it is no text, or UTF-16 without a byte order mark"
        raise make_host_error(name, reason, "Save it as UTF-8")
    return text, notes
