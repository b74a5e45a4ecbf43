"""The environment in which the tutorials run: a profile and a daemon of their own."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STARTUP = """
import os, subprocess, sys
from IPython.core.magic import register_cell_magic

os.symlink({examples!r}, "examples")
os.environ.pop("FORCE_COLOR", None)  # of the kernel: tables would be full of escape sequences

@register_cell_magic
def bash(line, cell):
    # That of IPython prints pieces, which break the lines of tables.
    done = subprocess.run(["bash", "-ec", cell], capture_output=True, text=True)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    done.check_returncode()
"""
"""What each kernel runs first."""


def make_environment(examples: Path) -> dict[str, str]:
    """Return variables for the notebooks; what is made with them is removed at the end.

    Parameters
    ----------
    examples
        Folder that each notebook finds as `examples` in its own, as in a checkout.
    """
    folder = tempfile.mkdtemp(prefix="hpaint-docs-")
    startup = Path(folder) / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "tutorial.py").write_text(STARTUP.format(examples=str(examples)), "utf-8")
    commands = Path(sys.executable).parent
    environment = {
        "AIIDA_PATH": folder,
        "COLUMNS": "88",
        "IPYTHONDIR": f"{folder}/ipython",
        "OMP_NUM_THREADS": "1",
        "PATH": os.pathsep.join([str(commands), os.environ["PATH"]]),
    }
    atexit.register(_tidy_up, folder, commands / "verdi", {**os.environ, **environment})
    return environment


def _tidy_up(folder: str, verdi: Path, environment: dict[str, str]) -> None:
    # A tutorial that failed has left its daemon running.
    stop = [str(verdi), "daemon", "stop", "--all"]
    subprocess.run(stop, env=environment, check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
