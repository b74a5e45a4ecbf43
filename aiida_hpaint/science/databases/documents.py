"""Documents: the files of a folder, of an archive or of a mirror of a database, one by one."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aiida_hpaint.science.structures.reading import holds_records

__all__ = ["Document", "iter_documents"]

MAX_BYTES = 64 * 2**20
"""Largest member of an archive; small archives can claim any size."""


@dataclass(frozen=True)
class Document:
    """A file with one or several records.

    Attributes
    ----------
    name
        Where it is, for the user.
    path
        Its path; None where it is in no file of its own.
    content
        Its bytes, where it is in no file of its own.
    filename
        Name that such a file would have.
    problem
        Why it could not be read from its archive; empty if it could.
    uuid
        UUID of the AiiDA node that holds it; empty without one.
    """

    name: str
    path: Path | None = None
    content: bytes = b""
    filename: str = ""
    problem: str = ""
    uuid: str = ""


def iter_documents(source: Path) -> Iterator[Document]:
    """Yield the documents of a file, a folder with all folders below it, or a zip or tar archive.

    Members of archives that cannot be read are yielded with the problem. Hidden folders, such as
    those of Subversion in a mirror of the COD, are left out.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    """
    if source.is_dir():
        yield from _iter_folder(source)
    elif not source.is_file():
        raise FileNotFoundError(f"there is no file or folder {source}")
    elif _is_document(source.name):
        yield Document(str(source), source)
    elif zipfile.is_zipfile(source):
        yield from _iter_zip(source)
    elif tarfile.is_tarfile(source):
        yield from _iter_tar(source)
    else:
        yield Document(str(source), source)


def _is_document(name: str) -> bool:
    """Return whether a file is to be read, by its name; JSON may be anything."""
    plain = PurePosixPath(name).name
    return holds_records(plain) and not plain.startswith(".") and not plain.endswith(".json")


def _iter_folder(folder: Path) -> Iterator[Document]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if _is_document(name):
                yield Document(str(Path(here, name)), Path(here, name))


def _iter_zip(path: Path) -> Iterator[Document]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or not _is_document(entry.filename):
                continue
            name = f"{path}/{entry.filename}"
            if entry.file_size > MAX_BYTES:
                yield _refuse_size(name, entry.file_size)
                continue
            try:
                content = archive.read(entry)
            except Exception as error:  # damaged, encrypted or compressed in an unknown way
                yield Document(name, problem=f"it cannot be unpacked ({error})")
            else:
                yield Document(name, None, content, PurePosixPath(entry.filename).name)


def _iter_tar(path: Path) -> Iterator[Document]:
    with tarfile.open(path) as archive:
        try:
            for entry in archive:
                if not entry.isfile() or not _is_document(entry.name):
                    continue
                name = f"{path}/{entry.name}"
                if entry.size > MAX_BYTES:
                    yield _refuse_size(name, entry.size)
                    continue
                stream = archive.extractfile(entry)
                content = stream.read() if stream is not None else b""
                yield Document(name, None, content, PurePosixPath(entry.name).name)
        except (tarfile.TarError, EOFError, OSError) as error:
            # What comes after the damage is lost: the members of a tar are found one by one.
            yield Document(
                str(path), problem=f"the archive is damaged ({error}), and its end was not read"
            )


def _refuse_size(name: str, size: int) -> Document:
    mebibytes, limit = size / 2**20, MAX_BYTES / 2**20
    return Document(
        name, problem=f"it unpacks to {mebibytes:.0f} MiB, more than the limit of {limit:.0f} MiB"
    )
