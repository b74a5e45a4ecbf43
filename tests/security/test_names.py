"""Untrusted names are plain text in paths, tables, structures, HTML and terminals."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
import tempfile
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from benchmark_rows import make_rows, write_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nasty import NASTY, names
from pymatgen.core import Structure
from pymatgen.io.cif import CifFile

from aiida_hpaint.science.benchmark.report.html_report import fill_template
from aiida_hpaint.science.evaluation.sample_table import format_table
from aiida_hpaint.science.structures import (
    HostError,
    StructureBatch,
    escape_control_characters,
    make_safe_names,
    quote_for_shell,
    read_hosts,
    write_cif,
)
from aiida_hpaint.science.structures.batch import concatenate
from aiida_hpaint.science.structures.extxyz import read_extxyz, write_extxyz

some = settings(suppress_health_check=list(HealthCheck))
few = settings(max_examples=8, suppress_health_check=list(HealthCheck))
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
WINDOWS = {"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(10))}


def is_file_name(name: str) -> bool:
    """Return whether the file system accepts a name."""
    if not name or "/" in name:
        return False
    with tempfile.TemporaryDirectory() as folder:
        try:
            Path(folder, f"{name}.extxyz").touch()
        except (OSError, ValueError):
            return False
    return True


def ranked(labels: list[str]) -> StructureBatch:
    """Return one finished sample for each label."""
    one = StructureBatch(
        labels=("x",),
        cells=4.0 * np.eye(3)[None],
        site_counts=np.array([2]),
        numbers=np.array([3, 1]),
        frac_coords=np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]),
        inserted=np.array([False, True]),
    )
    batch = concatenate([replace(one, labels=(label,)) for label in labels])
    count = len(labels)
    scalars: dict[str, Any] = {"host": range(count), "sample": [0] * count, "rank": [0] * count}
    scalars |= {"status": ["converged"] * count, "energy": [-1.0] * count, "steps": [1] * count}
    scalars |= {"energy_above_best": [0.0] * count, "energy_sampled": [0.0] * count}
    return batch.with_scalars(**scalars, max_force=[0.0] * count)


@some
@given(labels=st.lists(names, min_size=1, max_size=6))
def test_names_of_files_are_plain_and_distinct(labels: list[str]) -> None:
    found = make_safe_names(labels)
    assert len({name.lower() for name in found}) == len(labels)
    for name in found:
        assert PLAIN.fullmatch(name)
        assert len(name) < 100
        assert name.lower() not in WINDOWS
        assert not name.lower().endswith(("_dft", "_relaxed"))  # files beside these


@few
@given(labels=st.lists(names, min_size=1, max_size=4))
def test_results_stay_in_their_folder(labels: list[str]) -> None:
    from aiida_hpaint.cli.tables import write_host_files
    from aiida_hpaint.science.report.host_results import group_rows_by_host

    # Such labels are refused when hosts are read; UTF-8 has no lone surrogates.
    labels = [label.encode("utf-8", "replace").decode() for label in labels]
    samples = ranked(labels)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "deep" / "out"
        files = write_host_files(group_rows_by_host(samples), samples, output)
        assert os.listdir(folder) == ["deep"]
        assert os.listdir(output.parent) == ["out"]
        expected = {"samples.csv", "candidates.extxyz", *(path.name for path in files.values())}
        assert set(os.listdir(output)) == expected
        assert len(expected) == 2 + len(labels)
        assert len(ase.io.read(output / "candidates.extxyz", ":")) == len(labels)


@few
@given(label=names)
def test_a_cif_holds_one_block_whatever_its_name(label: str) -> None:
    one = ranked([label])[0].with_scalars(origin=[label[:50].replace("\x00", "")])
    text = write_cif(one)
    assert text.isascii()
    assert max(map(len, text.splitlines())) < 2048  # CIF 1.1
    assert all(char.isprintable() or char == "\n" for char in text)
    blocks = CifFile.from_str(text).data
    assert len(blocks) == 1
    assert set(CifFile.from_str(write_cif(ranked(["x"]))).data["x"].data) <= set(
        next(iter(blocks.values())).data
    )
    structure = Structure.from_str(text, "cif")
    assert structure.composition.formula == "Li1 H1"
    assert len(ase.io.read(io.BytesIO(text.encode()), format="cif")) == 2


@some
@given(labels=st.lists(names, min_size=1, max_size=3))
def test_extxyz_keeps_names_and_frames(labels: list[str]) -> None:
    batch = ranked([label.rstrip("\x00") for label in labels])
    text = io.StringIO()
    write_extxyz(batch, text)
    found = read_extxyz(io.StringIO(text.getvalue()))
    assert found.labels == batch.labels
    np.testing.assert_array_equal(found.frac_coords, batch.frac_coords)
    frames: Any = ase.io.read(io.StringIO(text.getvalue()), ":", format="extxyz")
    assert [len(frame) for frame in frames] == [2] * len(labels)
    for frame in frames:
        np.testing.assert_allclose(frame.cell, 4.0 * np.eye(3))


@some
@given(label=names)
def test_no_cell_of_a_table_is_a_formula(label: str) -> None:
    rows = list(csv.reader(io.StringIO(format_table(ranked([label, "b"])), newline="")))
    assert [len(row) for row in rows] == [len(rows[0])] * 3
    found = rows[1][0]
    assert not found.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert all(char.isprintable() or char == "\n" for char in found)
    if label.isprintable():
        assert found.removeprefix("'") == label.removeprefix("'")


@pytest.mark.parametrize("name", filter(is_file_name, NASTY))
def test_files_with_such_names_are_read_or_refused(
    name: str, tmp_path: Path, brucite: StructureBatch
) -> None:
    bare = brucite[0].with_coords(np.nan_to_num(brucite.frac_coords, nan=0.37))
    path = tmp_path / f"{name}.extxyz"
    write_extxyz(bare, path)
    check_harmless(path)
    cif = tmp_path / f"{name}.cif"
    cif.write_text(write_cif(bare), encoding="utf-8")
    check_harmless(cif)


@pytest.mark.parametrize("name", [name for name in NASTY if "\ud800" not in name])
def test_blocks_with_such_names_are_read_or_refused(
    name: str, tmp_path: Path, brucite: StructureBatch
) -> None:
    bare = brucite[0].with_coords(np.nan_to_num(brucite.frac_coords, nan=0.37))
    text = write_cif(bare)
    first = text.replace("data_brucite", f"data_{name}")
    path = tmp_path / "two.cif"
    path.write_text(first + "\n" + text.replace("data_brucite", "data_second"), encoding="utf-8")
    check_harmless(path)


def check_harmless(path: Path) -> None:
    """Check that a file gives hosts with printable names, or a printable error."""
    labels: tuple[str, ...] = ()
    message = ""
    try:
        labels = read_hosts(path).labels
    except HostError as error:
        message = str(error)
    assert labels or message
    assert all(label.isprintable() and len(label) <= 200 for label in labels)
    assert all(char.isprintable() or char == "\n" for char in message)


@some
@given(text=names)
def test_escaped_text_does_not_affect_a_terminal(text: str) -> None:
    assert escape_control_characters(text).isprintable()
    if text.isprintable():
        assert escape_control_characters(text) == text


@some
@given(text=names)
def test_quoted_text_is_one_word_of_a_shell(text: str) -> None:
    assert shlex.split(f"aiida-hpaint status {quote_for_shell(text)}") == [
        "aiida-hpaint",
        "status",
        escape_control_characters(text),
    ]


@pytest.mark.parametrize("name", ["[red]x[/red]", "[/]", ":smile:", "[link=https://a.org]x[/link]"])
def test_tables_show_markup_as_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.cli.tables import make_host_table
    from aiida_hpaint.science.report.host_results import group_rows_by_host

    samples = ranked([name])
    print_table(make_host_table(group_rows_by_host(samples)))
    assert name in capsys.readouterr().out


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the targets of links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[str, ...]] = Counter()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[(tag, *(name for name, _ in attrs))] += 1
        self.links |= {str(value)[:11] for name, value in attrs if name in ("src", "href")}


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    parser.close()
    return parser


@some
@given(text=names)
def test_the_template_keeps_text_as_text(text: str) -> None:
    assert pieces(text).found == pieces("x").found
    assert pieces(text).links == {"data:image/"}


def pieces(text: str) -> Elements:
    rows = [[text, text]]
    group = {"title": text, "is_open": True, "reasons": text, "rows": rows}
    content = {
        "names": [text],
        "colours": [text],
        "rates": rows,
        "emphasised": [0],
        "splits": rows,
        "reliability_head": [text, text],
        "reliability": [{"name": text, "rows": rows}],
        "figures": [{"source": "data:image/svg+xml;base64,", "caption": text}],
        "potential_head": [text, text],
        "potentials": [{"name": text, "rows": rows}],
        "host_head": [text, text],
        "hosts": [
            {
                "name": text,
                "rows": rows,
                "more": 1,
                "pictured": [{"label": text, "result": text, "pictures": []}],
            }
        ],
        "failure_head": [text, text],
        "failures": [
            {"name": text, "hosts": 2, "groups": [group]},
            {"name": text, "hosts": 2, "groups": []},
        ],
        "differing": rows,
        "shared": rows,
        "hashes": rows,
        "versions": rows,
    }
    return elements(fill_template(content))


@pytest.mark.slow
def test_names_add_no_elements_to_the_report(tmp_path: Path) -> None:
    from aiida_hpaint.science.benchmark.report import read_runs, render_report

    labels = [text.encode("utf-8", "replace").decode() for text in NASTY]
    pages = []
    for place, hosts in enumerate([[f"mp-{i}" for i in range(len(labels))], labels]):
        rows = [
            row.model_copy(update={"label": label, "formula": label})
            for row, label in zip(make_rows(0.5, hosts=len(labels)), hosts, strict=True)
        ]
        folders: dict[str, Path] = {}
        for name in (hosts[20], hosts[-1]):
            chosen = {"settings": {"sampling": {"generator": name, "samples": 4}}}
            folders[name] = write_folder(tmp_path / f"{place}-{len(folders)}", rows, chosen)
        pages.append(elements(render_report(read_runs(folders))))
    plain, ours = pages
    assert ours.found == plain.found
    assert ours.links == {"data:image/"}


@pytest.mark.parametrize("name", ["$\\frac{", "$x$", "<svg onload=alert(1)>", "a\nb"])
def test_figures_take_names_as_text(name: str, recording: Any, tmp_path: Path) -> None:
    from aiida_hpaint.science.evaluation.trajectories import compute_deviations
    from aiida_hpaint.science.evaluation.trajectory_plot import plot_deviations

    known = recording[[0, 1]]
    labels = [f"sample {i}" for i in range(2)]
    plot_deviations(compute_deviations(known), labels, tmp_path / "plot.svg", name)
    assert "<svg onload" not in (tmp_path / "plot.svg").read_text("utf-8")
