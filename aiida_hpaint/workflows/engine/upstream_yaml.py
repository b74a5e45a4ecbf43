"""Checkpoints of aiida-core 2.9 written and read with libyaml.

As for `upstream`, tests/workflows/engine/test_upstream_yaml.py has a test that fails once this is
not needed any more.
"""

from __future__ import annotations

from typing import Any

import yaml
from aiida.orm.utils import serialize

__all__ = ["use_libyaml"]


def use_libyaml() -> None:
    """Let aiida-core write and read YAML with libyaml; without it nothing changes.

    A process saves itself whenever its state changes. The pure Python of PyYAML took a third of the
    CPU time of a daemon that restores one crystal. What is written differs at most in quotes and
    line breaks, and either implementation reads what the other has written.
    """
    if not yaml.__with_libyaml__:
        return
    module: Any = serialize
    module.AiiDADumper = _derive(module.AiiDADumper, yaml.CDumper)
    module.AiiDALoader = _derive(module.AiiDALoader, yaml.CLoader)


def _derive(python: Any, compiled: Any) -> Any:
    """Return a class of aiida-core with a part of libyaml in front, as a class of PyYAML has it.

    Representers and constructors that are registered with the class of aiida-core later count, too.
    """
    libyaml = compiled.__bases__[0]
    if issubclass(python, libyaml):
        return python
    # The initialiser calls those of its bases by their names, and all of them are bases here.
    return type(python.__name__, (libyaml, python), {"__init__": compiled.__init__})
