"""Puts `tests/faults/plugins` on the search path of this process and of those that it starts.

Test modules import it while they are collected, before the first of them starts the daemon, which
inherits the environment, as jobs do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PLUGINS = str(Path(__file__).parents[1] / "faults" / "plugins")

if PLUGINS not in sys.path:
    sys.path.insert(0, PLUGINS)
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [PLUGINS, path]))
