"""The command line: `aiida-hpaint`."""

from aiida_hpaint.science.start_up import begin_program, importing

begin_program()
with importing():
    from aiida_hpaint.cli.main import main

__all__ = ["main"]
