"""Run the probe beside this file, or report that this Python is too old for it.

Python 2 and the first Pythons 3 must be able to read this file.
"""

import json
import sys

if sys.version_info < (3, 8):  # noqa: UP036
    with open("answer.json", "w") as stream:
        json.dump(
            {"python": {"version": sys.version.split()[0], "executable": sys.executable}}, stream
        )
else:
    import runpy

    runpy.run_path("probe.py", run_name="__main__")
