"""Programs without searches for garbage: what they leave out, and that they end in order."""

from __future__ import annotations

import gc
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from aiida_hpaint.science.start_up import importing


@pytest.mark.parametrize("was_enabled", [True, False])
def test_searches_pause_and_go_on_as_before(was_enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if was_enabled else gc.disable)()
    try:
        with suppress(ImportError), importing():
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() is was_enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_other_processes_keep_their_objects_in_the_searches() -> None:
    done = run("with importing(): import decimal\nprint(gc.get_freeze_count())")
    assert done == "0\n"


def test_a_program_leaves_out_what_it_has_imported() -> None:
    done = run("begin_program()\nwith importing(): import decimal\nprint(gc.get_freeze_count())")
    assert int(done) > 1000


def test_a_program_that_imports_again_still_finds_garbage() -> None:
    done = run("""
import weakref
class Loop: pass
begin_program()
with importing(): import decimal
loop = Loop()
loop.itself, seen = loop, weakref.ref(loop)
del loop
with importing(): import decimal
gc.collect()
print(seen() is None)""")
    assert done == "True\n"


def test_a_program_writes_what_is_left_open_and_runs_what_was_registered(tmp_path: Path) -> None:
    path = tmp_path / "left open"
    code = f"""
import atexit
begin_program()
atexit.register(print, "goodbye")
file = open({str(path)!r}, "w")
file.write("all of it")
raise SystemExit(3)
"""
    done = run(code, status=3)
    assert done == "goodbye\n"
    assert path.read_text("utf-8") == "all of it"


def run(code: str, status: int = 0) -> str:
    head = "import gc\nfrom aiida_hpaint.science.start_up import begin_program, importing\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    return done.stdout
