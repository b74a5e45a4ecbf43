from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from rich.console import Console

from aiida_hpaint.calculations.ranking import format_table
from aiida_hpaint.cli.tables import group_rows_by_host, make_host_table
from aiida_hpaint.science.structures import StructureBatch


@pytest.fixture
def ranked(samples: StructureBatch) -> StructureBatch:
    return samples.with_scalars(
        energy=[-6.5, -7.0, np.nan],
        energy_sampled=[0.0] * 3,
        energy_above_best=[0.25, 0.0, np.nan],
        max_force=[0.1] * 3,
        steps=[3] * 3,
        rank=[1, 0, -1],
        status=["converged", "converged", "failed"],
    )


@pytest.fixture
def symmetric(ranked: StructureBatch) -> StructureBatch:
    return ranked.with_scalars(
        energy_scored=[-6.0, -6.5, np.nan],
        origin=["generated", "wyckoff", "generated"],
        parent=[-1, -1, -1],
        space_group=[1, 164, 0],
        refined_by=[0.0, 0.004, 0.0],
    )


def shown(batch: StructureBatch) -> str:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as capture:
        console.print(make_host_table(group_rows_by_host(batch)))
    return capture.get()


def test_the_origin_and_space_group_of_the_best_are_shown(symmetric: StructureBatch) -> None:
    text = shown(symmetric)
    assert "origin" in text
    assert "wyckoff" in text
    assert "P-3m1 (164)" in text


def test_without_symmetry_there_are_no_such_columns(ranked: StructureBatch) -> None:
    text = shown(ranked)
    assert "origin" not in text
    assert "space group" not in text


def test_the_csv_has_what_there_is(ranked: StructureBatch, symmetric: StructureBatch) -> None:
    rows = list(csv.DictReader(io.StringIO(format_table(symmetric))))
    assert [row["energy_scored"] for row in rows] == ["-6.0", "-6.5", ""]
    assert [row["origin"] for row in rows] == ["generated", "wyckoff", "generated"]
    assert rows[1]["space_group"] == "164"
    assert "origin" not in format_table(ranked).splitlines()[0]
