"""Files of folders, archives and mirrors, one by one."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from aiida_hpaint.science.databases import Document, iter_documents
from aiida_hpaint.science.databases import documents as module


def read(document: Document) -> bytes:
    return document.content if document.path is None else document.path.read_bytes()


NAMES = ["1/00/00/1000000.cif", "1/00/01/1000101.cif", "a.CIF", "b.cif.gz", "c.mcif", "d.res"]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    for name in [*NAMES, "1/00/.svn/x.cif", "README.txt", ".hidden.cif"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_a_folder_with_those_below_it(mirror: Path) -> None:
    found = list(iter_documents(mirror))
    assert {document.name for document in found} == {str(mirror / name) for name in NAMES}
    assert {read(document).decode() for document in found} == set(NAMES)


def test_an_archive_gives_the_same_as_its_folder(mirror: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in [*NAMES, "README.txt"]:
            archive.writestr(name, name)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as other:
        other.add(mirror, "here", filter=lambda entry: None if ".svn" in entry.name else entry)
    for path, prefix in ((tmp_path / "x.zip", ""), (tmp_path / "x.tar.gz", "here/")):
        found = {document.name: document for document in iter_documents(path)}
        assert set(found) == {f"{path}/{prefix}{name}" for name in NAMES}
        first = found[f"{path}/{prefix}{NAMES[0]}"]
        assert (first.path, first.content.decode()) == (None, NAMES[0])
        assert first.filename == "1000000.cif"


def test_members_that_cannot_be_read_do_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("damaged.cif", b"data_damaged")
        archive.writestr("large.cif", b"x" * 200)
        archive.writestr("right.cif", b"data_right")
    path.write_bytes(path.read_bytes().replace(b"data_damaged", b"data_DAMAGED", 1))
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    problems = {Path(each.name).name: each.problem for each in iter_documents(path)}
    assert "cannot be unpacked" in problems["damaged.cif"]
    assert "more than the limit" in problems["large.cif"]
    assert problems["right.cif"] == ""


def test_a_tar_that_ends_too_early_says_so(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("a.cif", "b.cif"):
            entry = tarfile.TarInfo(name)
            entry.size = 3000
            archive.addfile(entry, io.BytesIO(b"x" * 3000))
    path = tmp_path / "x.tar"
    path.write_bytes(buffer.getvalue()[:5000])
    found = list(iter_documents(path))
    assert found[0].filename == "a.cif"
    assert "the archive is damaged" in found[-1].problem


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        list(iter_documents(tmp_path / "nothing"))
