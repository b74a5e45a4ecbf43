"""Checkpoints of aiida-core 2.9, written and read with libyaml, and their inputs written once.

As for `upstream`, tests/workflows/engine/test_upstream_checkpoints.py has a test for each that
fails once it is not needed any more.
"""

from __future__ import annotations

from typing import Any

import yaml
from aiida.engine import Process
from aiida.orm.utils import serialize

__all__ = ["shorten_checkpoints"]


def shorten_checkpoints() -> None:
    """Let aiida-core spend less on checkpoints; repeated calls change nothing.

    A process saves itself whenever its state changes. The pure Python of PyYAML took a third of the
    CPU time of a daemon that restores one crystal; without libyaml it stays. What is written
    differs at most in quotes and line breaks, and either implementation reads what the other has
    written. Inputs do not change while a process runs, but were written again each time, with all
    of a graph.
    """
    process: Any = Process
    process.encode_input_args = _encode_once
    if not yaml.__with_libyaml__:
        return
    module: Any = serialize
    module.AiiDADumper = _derive(module.AiiDADumper, yaml.CDumper)
    module.AiiDALoader = _derive(module.AiiDALoader, yaml.CLoader)


_ENCODED = "_hpaint_encoded"
"""Attribute of a process with its inputs and what is written of them, by their identity."""

_encode: Any = Process.encode_input_args


def _encode_once(self: Process, inputs: Any) -> str:
    """Return what is written of inputs; outputs, which are written in the same way, change."""
    if inputs is not self.inputs and inputs is not self.raw_inputs:
        return str(_encode(self, inputs))
    known: dict[int, tuple[Any, str]] = self.__dict__.setdefault(_ENCODED, {})
    if id(inputs) not in known:
        known[id(inputs)] = inputs, _encode(self, inputs)
    return known[id(inputs)][1]


def _derive(python: Any, compiled: Any) -> Any:
    """Return a class of aiida-core with a part of libyaml in front, as a class of PyYAML has it.

    Representers and constructors that are registered with the class of aiida-core later count, too.
    """
    libyaml = compiled.__bases__[0]
    if issubclass(python, libyaml):
        return python
    # The initialiser calls those of its bases by their names, and all of them are bases here.
    return type(python.__name__, (libyaml, python), {"__init__": compiled.__init__})
