from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from aiida_hpaint.science.diffusion.networks import layers
from aiida_hpaint.science.files import CACHE_VARIABLE
from aiida_hpaint.science.native import SWITCH, _compile, load_library
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
    path = cache / "answers.so"
    _compile("cc", source, path, is_right)
    before = path.stat().st_ino
    _compile("cc", source, path, is_right)
    assert path.stat().st_ino == before
    assert list(cache.iterdir()) == [path]


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
