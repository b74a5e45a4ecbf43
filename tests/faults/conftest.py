"""Faults on one machine: what breaks is in `plugins`, where daemon and jobs find it."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aiida_hpaint.science.structures import StructureBatch

PLUGINS = str(Path(__file__).parent / "plugins")

# While tests are collected, before the first of them starts the daemon, which inherits it.
sys.path.insert(0, PLUGINS)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [PLUGINS, os.environ.get("PYTHONPATH")]))


@pytest.fixture
def host(brucite: StructureBatch) -> StructureBatch:
    return replace(brucite, labels=("host",))
