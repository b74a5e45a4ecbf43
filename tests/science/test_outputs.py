from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aiida_hpaint.science import outputs
from aiida_hpaint.science.outputs import (
    LOCK,
    OutputError,
    lock_folder,
    open_staging,
    replace_file,
    replace_text,
)


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file may become larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_that_stays_empty_does_not_stay(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "a" / "b") as folder:
        assert folder.is_dir()
    assert names(tmp_path) == []
    with lock_folder(tmp_path / "a" / "b") as folder:
        (folder / "result").touch()
    assert names(tmp_path / "a" / "b") == ["result"]


def test_a_folder_is_for_one_process_at_a_time(tmp_path: Path) -> None:
    # A second description of the same file is to the kernel what another process is.
    with (tmp_path / LOCK).open("w") as other:
        other.write("4711\n")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="in use: process 4711"), lock_folder(tmp_path):
            pass
    with lock_folder(tmp_path), lock_folder(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
        with (tmp_path / LOCK).open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / f"{outputs._PART}1").mkdir()
    (tmp_path / f"{outputs._PART}1" / "half.cif").touch()
    (tmp_path / f"{outputs._PART}2-half.csv").touch()
    (tmp_path / "kept").touch()
    with lock_folder(tmp_path):
        assert names(tmp_path) == [LOCK, "kept"]


def test_a_path_through_a_file_and_a_link_as_lock_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="part of its path is a file"),
        lock_folder(tmp_path / "file" / "x"),
    ):
        pass
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot be written"), lock_folder(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_disk_that_is_full_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_LEAST_SPACE", 2**70)
    with pytest.raises(OutputError, match="MiB left"), lock_folder(tmp_path / "new"):
        pass
    assert names(tmp_path) == []


def fill(folder: Path) -> None:
    with open_staging(folder) as staging:
        (staging / "a").write_text("new")
        with small_files(100):
            (staging / "b").write_text("x" * 1000)


def test_all_files_of_a_folder_are_replaced_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(OutputError, match="is as it was before: free"):
        fill(tmp_path)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"
    with open_staging(tmp_path) as staging:
        (staging / "a").write_text("new")
        (staging / "sub").mkdir()
        (staging / "sub" / "c").write_text("c")
    assert names(tmp_path) == ["a", "sub"]
    assert (tmp_path / "a").read_text() == "new"
    assert (tmp_path / "sub" / "c").read_text() == "c"


def write_a_and_b(folder: Path) -> None:
    with open_staging(folder) as staging:
        (staging / "a").write_text("new")
        (staging / "b").write_text("new b")


def test_a_disk_that_is_full_only_when_files_reach_it_changes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old")
    flush = os.fsync

    def flush_all_but_b(descriptor: int) -> None:
        if os.fstat(descriptor).st_size == len("new b"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", flush_all_but_b)
    with pytest.raises(OutputError, match="is as it was before: free"):
        write_a_and_b(tmp_path)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    replace_text(path, "1\r\n2\n")
    assert path.read_bytes() == b"1\r\n2\n"
    with pytest.raises(OutputError, match="is as it was before"), small_files(100):
        replace_text(path, "x" * 1000)
    with pytest.raises(ZeroDivisionError), replace_file(path) as part:
        raise ZeroDivisionError(part)
    assert path.read_bytes() == b"1\r\n2\n"
    assert names(path.parent) == ["a.txt"]


def test_links_are_replaced_and_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("of somebody else")
    link = tmp_path / "results" / "a"
    link.parent.mkdir()
    link.symlink_to(other)
    replace_text(link, "mine")
    assert not link.is_symlink()
    link.unlink()
    link.symlink_to(other)
    with open_staging(link.parent) as staging:
        (staging / "a").write_text("mine")
    assert stat.S_ISREG(link.lstat().st_mode)
    assert other.read_text() == "of somebody else"
