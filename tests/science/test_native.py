from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiida_hpaint.science.diffusion.networks import layers
from aiida_hpaint.science.files import CACHE_VARIABLE
from aiida_hpaint.science.native import SWITCH, _compile, _identify, load_library
from aiida_hpaint.science.relaxation.potentials.folded import native
from aiida_hpaint.science.types import HpaintWarning


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "answers.c"
    path.write_text("int answer(void) { return 42; }\n")
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def is_right(loops: ctypes.CDLL) -> bool:
    return bool(loops.answer() == 42)


def load(source: Path) -> ctypes.CDLL | None:
    return load_library(source, is_right, "Answers come late")


def test_what_was_compiled_is_kept(source: Path, cache: Path) -> None:
    for _ in range(2):
        loops = load(source)
        assert loops is not None
        assert loops.answer() == 42
        (library,) = cache.iterdir()
        assert library.suffix == ".so"
        assert library.name.startswith("answers-")


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler"])
def test_a_compiler_that_fails_is_no_error_but_named(
    compiler: str, source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler)
    told = f"Answers come late, .*not compiled .*{compiler}.*: install a C compiler"
    with pytest.warns(HpaintWarning, match=told):
        assert load(source) is None
    assert list(cache.iterdir()) == []


def test_a_machine_without_a_compiler_is_told_of_it(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    with pytest.warns(HpaintWarning, match="there is no C compiler") as told:
        assert load(source) is None
    assert len(told) == 1


@pytest.mark.parametrize("load_loops", [native.load_loops, layers.load_loops])
def test_loops_are_looked_for_once(load_loops: object) -> None:
    assert hasattr(load_loops, "cache_clear")


def test_a_compiler_may_know_the_other_name_of_its_processor(
    source: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "compiler"
    refuse = 'case "$*" in *-march=native*) exit 1;; esac'
    # Of gcc on x86, -mcpu is a deprecated name of -mtune.
    compiler.write_text(f"#!/bin/sh\n{refuse}\nexec cc $(echo $* | sed s/-mcpu=native//)\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    assert load(source) is not None


def test_a_library_that_another_job_made_meanwhile_stays(source: Path, cache: Path) -> None:
    path = _compile("cc", source, cache, "answers", is_right)
    before = path.stat().st_ino
    assert _compile("cc", source, cache, "answers", is_right) == path
    assert path.stat().st_ino == before
    assert list(cache.iterdir()) == [path]


def test_a_library_that_another_job_made_during_the_trial_stays(source: Path, cache: Path) -> None:
    other = b"made by another job"
    path = cache / f"answers-{hashlib.sha256(other).hexdigest()[:16]}.so"

    def is_right_at_last(loops: ctypes.CDLL) -> bool:
        path.write_bytes(other)
        return True

    assert _compile("cc", source, cache, "answers", is_right_at_last) == path
    assert path.read_bytes() == other
    assert list(cache.iterdir()) == [path]


@pytest.mark.parametrize("left", [0, 100, 9000, None])
def test_a_damaged_library_is_compiled_again_once(
    left: int | None, source: Path, cache: Path, recwarn: pytest.WarningsRecorder
) -> None:
    assert load(source) is not None
    (path,) = cache.iterdir()
    content = path.read_bytes()
    cut = content[:-1] + b"!" if left is None else content[:left]
    other = cache / path.name.replace(path.stem[-16:], 16 * "f")
    for each in (path, other):
        each.unlink(missing_ok=True)  # it is loaded
        each.write_bytes(cut)
    with pytest.warns(HpaintWarning, match=f"{path.name} is damaged .* compiled again"):
        assert load(source) is not None
    assert list(cache.iterdir()) == [path]
    assert path.read_bytes() == content
    recwarn.clear()
    assert load(source) is not None
    assert not recwarn


def test_processes_that_find_a_damaged_library_all_get_a_whole_one(
    source: Path, cache: Path
) -> None:
    assert load(source) is not None
    (path,) = cache.iterdir()
    path.unlink()
    path.write_bytes(b"")
    script = (
        "import sys; from pathlib import Path\n"
        "from aiida_hpaint.science.native import load_library\n"
        "loops = load_library(Path(sys.argv[1]), lambda loops: loops.answer() == 42, 'Late')\n"
        "sys.exit(0 if loops and loops.answer() == 42 else 1)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(source)]
    jobs = [subprocess.Popen(command) for _ in range(4)]
    assert [job.wait() for job in jobs] == [0] * len(jobs)
    assert list(cache.iterdir()) == [path]
    assert path.stat().st_size > 0


def test_file_systems_without_links_keep_libraries_too(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert load(source) is not None
    assert [path.suffix for path in cache.iterdir()] == [".so"]


CPUINFO = {
    "x86_64": "model name\t: {0}\ncpu MHz\t\t: 1.0\nflags\t\t: fpu {0}\n",
    "aarch64": "processor\t: 0\nFeatures\t: fp {0}\n",
    "ppc64le": "processor\t: 0\ncpu\t\t: {0}, altivec supported\nclock\t\t: 1.0MHz\n",
    "riscv64": "processor\t: 0\nisa\t\t: {0}\n",
}


@pytest.mark.parametrize("machine", CPUINFO)
def test_each_kind_of_processor_has_its_own_library(
    machine: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def name(kind: str) -> str:
        monkeypatch.setattr(Path, "read_text", lambda *_, **__: CPUINFO[machine].format(kind))
        return _identify("cc", source)

    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert name("older") == name("older") != name("newer")


def test_each_c_library_has_its_own_library(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for version in ("2.28", "2.36"):
        monkeypatch.setattr(platform, "libc_ver", lambda version=version: ("glibc", version))
        names.add(_identify("cc", source))
    assert len(names) == 2


def test_without_a_home_the_folder_to_name_is_told(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setattr(Path, "expanduser", fail)
    with pytest.warns(HpaintWarning, match=f"no folder for the cache, .*{CACHE_VARIABLE}"):
        assert load(source) is None


def test_compilation_can_be_turned_off(
    source: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    monkeypatch.setenv(SWITCH, "0")
    assert load(source) is None
    assert not recwarn
    assert not cache.exists()


def test_loops_that_are_compiled_wrongly_are_not_used(source: Path, cache: Path) -> None:
    with pytest.warns(HpaintWarning, match="compiles the loops of answers.c wrongly"):
        assert load_library(source, lambda loops: False, "Answers come late") is None
    assert list(cache.iterdir()) == []
