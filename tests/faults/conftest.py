"""Faults on one machine: what breaks is in `plugins`, where daemon and jobs find it."""

from __future__ import annotations

from dataclasses import replace

import fault_plugins  # noqa: F401
import pytest

from aiida_hpaint.science.structures import StructureBatch


@pytest.fixture
def host(brucite: StructureBatch) -> StructureBatch:
    return replace(brucite, labels=("host",))
