from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from aiida_hpaint.cli.restore.demo import (
    compare_with_reference,
    make_comparison_table,
    read_references,
)
from aiida_hpaint.science.report.host_results import HostResult
from aiida_hpaint.science.structures import StructureBatch, read_hosts

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def references() -> dict[str, StructureBatch]:
    return read_references([EXAMPLES / "references", EXAMPLES / "database" / "references"])


def make_result(label: str, answer: StructureBatch) -> HostResult:
    return HostResult(label, answer, answer)


@pytest.mark.parametrize("label", ["brucite", "brucite_db"])
def test_a_host_is_compared_with_the_reference_its_name_begins_with(
    label: str, references: dict[str, StructureBatch]
) -> None:
    row = compare_with_reference(make_result(label, references["brucite"]), references)
    assert (row.match, row.distance) == (True, 0)
    assert row.group == row.published == "P-3m1 (164)"
    assert row.is_same
    assert not row.has_other_symmetry
    assert "P-3m1 (164)" in list(make_comparison_table([row]).columns[3].cells)


def test_another_measurement_and_a_lost_symmetry_are_seen(
    references: dict[str, StructureBatch],
) -> None:
    brucite = references["brucite"]
    coords = brucite.frac_coords.copy()
    coords[-1, 0] += 0.05
    moved = replace(brucite, cells=1.3 * brucite.cells, frac_coords=coords)
    row = compare_with_reference(make_result("brucite", moved), references)
    assert math.isnan(row.distance)
    assert row.is_another_measurement
    assert replace(row, match=True, distance=1.5).is_same is False
    assert row.has_other_symmetry


def test_a_host_without_reference_or_answer_has_no_match(
    references: dict[str, StructureBatch],
) -> None:
    brucite = references["brucite"]
    assert compare_with_reference(make_result("gypsum", brucite), references).match is None
    nothing = HostResult("brucite", brucite, brucite[[]])
    assert compare_with_reference(nothing, references).match is None


def test_all_hosts_have_references(references: dict[str, StructureBatch]) -> None:
    for folder in (EXAMPLES, EXAMPLES / "database"):
        for path in (folder / "hosts").glob("*.cif"):
            assert any(f"{path.stem}_".startswith(f"{name}_") for name in references)


def test_a_disordered_host_says_what_was_assumed() -> None:
    host = read_hosts(EXAMPLES / "database" / "hosts" / "goethite_cobalt.cif")
    notes = " ".join(host.metadata[0]["disorder"]["changes"])
    assert "Fe 0.97, CoMe Co 0.03) is taken as Fe" in notes
