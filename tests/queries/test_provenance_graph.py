from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import provenance_examples
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.queries import draw_provenance
from aiida_hpaint.science.structures import add_sites, read_hosts

BRUCITE = Path(__file__).parents[2] / "examples" / "hosts" / "brucite.cif"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def restoration(profile: Any) -> Any:
    brucite = add_sites(read_hosts(BRUCITE), "H:2")
    labels = tuple(f"host <{letter}>" for letter in "abcd")
    return provenance_examples.restored(replace(brucite[[0] * 4], labels=labels))


def test_a_process_is_drawn_by_its_stages(restoration: Any, tmp_path: Any) -> None:
    path = tmp_path / "picture.svg"
    result = CliRunner().invoke(main, ["provenance", str(restoration.pk), "--graph", str(path)])
    assert result.exit_code == 0, result.output
    picture = ElementTree.parse(path).getroot()
    texts = [one.text or "" for one in picture.iter(f"{SVG}text")]
    for label in "abcd":
        assert texts.count(f"Host host <{label}>") == 1
        assert sum(text.startswith(f"host <{label}> (") for text in texts) == 1
    assert [text for text in texts if text in ("Sample positions", "Relax all sites")] == [
        "Sample positions",
        "Relax all sites",
    ]
    assert len([one for one in picture.iter(f"{SVG}rect") if one.get("class") == "list"]) == 2
    # Sampling, relaxation, structures: an arrow leads to each.
    assert len(list(picture.iter(f"{SVG}line"))) == 3
    width, height = (float(picture.attrib[name]) for name in ("width", "height"))
    for box in list(picture.iter(f"{SVG}rect"))[1:]:
        x, y, w, h = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height


def test_each_stage_of_one_job_is_drawn(restoration: Any) -> None:
    from aiida_hpaint.queries import trace_structure

    record = trace_structure(restoration.outputs.structures.host_00000)
    alike = tuple(replace(job, pk=7) for job in record.jobs)
    picture = draw_provenance([replace(record, jobs=alike)])
    assert picture.index("Sample positions") < picture.index("Relax all sites")


def test_the_provenance_of_a_process_is_that_of_its_structures(restoration: Any) -> None:
    output = CliRunner().invoke(main, ["provenance", str(restoration.pk)]).output
    assert output.count("A sample relaxed by the potential.") == 4


def test_the_shell_completes_pks(restoration: Any) -> None:
    for command in ("results", "status", "provenance"):
        found = ShellComplete(main, {}, "aiida-hpaint", "_X").get_completions([command], "")
        assert str(restoration.pk) in {one.value for one in found}


@pytest.mark.usefixtures("profile")
def test_a_wrong_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="no structure"):
        draw_provenance([])
    result = CliRunner().invoke(main, ["provenance", "1", "--graph", "picture.png"])
    assert result.exit_code == 2
    assert "ends in .svg" in result.output


def test_the_status_is_json(restoration: Any) -> None:
    found = json.loads(CliRunner().invoke(main, ["status", "--json"]).stdout)
    assert restoration.pk in {one["pk"] for one in found["restorations"]}
    assert isinstance(found["campaigns"], list)
