"""The command line: `aiida-hpaint`."""

from aiida_hpaint.cli.main import main

__all__ = ["main"]
