from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from benchmark_rows import make_run
from restorations import make_restoration

from aiida_hpaint.science.benchmark.report import read_runs, render_report, write_report
from aiida_hpaint.science.benchmark.report.failures import count_reasons, find_failures
from aiida_hpaint.science.benchmark.report.figures import PANELS, draw_all_panels, save_figure
from aiida_hpaint.science.benchmark.report.hosts import (
    LOWER,
    MATCHES,
    MISSED,
    NOTHING,
    tabulate_hosts,
)
from aiida_hpaint.science.benchmark.report.html_report import REPORT
from aiida_hpaint.science.benchmark.statistics import read_rows
from aiida_hpaint.science.benchmark.statistics.rows import COMPARISON, ROWS, SETTINGS, SUMMARY
from aiida_hpaint.science.benchmark.statistics.structures import HostStructures

MakeFolder = Callable[..., Path]

VOID = {"meta", "img"}

FIGURES = [panel for panel in PANELS if not panel.of_potentials]


class Reader(HTMLParser):
    """What a browser would see: tags, what they load, text; whether all tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.text = ""
        self.unclosed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href", "data"}]
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(folders: dict[str, Path]) -> Reader:
    reader = Reader()
    reader.feed(render_report(read_runs(folders)))
    return reader


def test_the_report_needs_nothing_else(make_folder: MakeFolder, tmp_path: Path) -> None:
    page = read({"bundled": make_folder("bundled")})
    assert page.unclosed == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert len(page.loaded) == len(FIGURES)
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.loaded)


def test_what_comes_from_files_is_escaped(make_folder: MakeFolder, tmp_path: Path) -> None:
    evil = '<script>alert("x")</script><img src=x onerror=y>'
    folder = make_folder("bundled", skill=0.05, label=evil)
    (folder / SETTINGS).write_text(json.dumps({evil: {evil: evil}}))
    page = read({evil: folder})
    assert "script" not in page.tags
    assert page.tags.count("img") == len(FIGURES)
    assert page.text.count(evil) >= 4


def test_the_report_tells_rates_settings_and_hashes(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    folders = {name: make_folder(name, skill) for name, skill in (("a", 0.9), ("random", 0.3))}
    text = read(folders).text
    for folder in folders.values():
        rate = json.loads((folder / SUMMARY).read_text())["les"]
        assert f"{100 * rate['value']:.1f} % ({100 * rate['low']:.0f} to" in text
        assert hashlib.sha256((folder / ROWS).read_bytes()).hexdigest() in text
    assert "sampling.generator" in text


def test_failures_are_those_whose_lowest_does_not_match() -> None:
    run = make_run("random", 0.4, hosts=40)
    failures = find_failures(run)
    rate = run.summary["lowest_match"]["value"]
    assert len(failures) == round(40 * (1 - rate))
    lost = [failure for failure in failures if not failure.success]
    assert len(lost) == round(40 * (1 - run.summary["les"]["value"]))
    assert failures[: len(lost)] == lost
    above = [failure.above for failure in lost if failure.above is not None]
    assert above == sorted(above, reverse=True)
    assert sum(count_reasons(failures).values()) == len(failures)
    assert "" not in count_reasons(failures)


def test_hosts_without_a_candidate_tell_what_became_of_the_samples() -> None:
    failures = find_failures(make_run("none", 0.5, hosts=2, status="too close"))
    assert [failure.status for failure in failures] == ["4 too close"] * 2


def test_samples_as_drawn_have_no_failures() -> None:
    page = render_report([make_run("bundled", 0.5, status="sampled")])
    assert "not restored" not in page
    assert "LES)" not in page


def test_runs_without_failures_and_without_successes_are_reported() -> None:
    page = render_report(
        [make_run("perfect", 1.0, hosts=5), make_run("none", 0.5, status="too close")]
    )
    assert "perfect: all 5 match." in page
    assert "no candidate" in page


@pytest.mark.parametrize("missing", [ROWS, SUMMARY, SETTINGS])
def test_an_unfinished_folder_is_refused(
    make_folder: MakeFolder, tmp_path: Path, missing: str
) -> None:
    folder = make_folder("bundled")
    (folder / missing).unlink()
    (tmp_path / COMPARISON).write_text(json.dumps({"bundled": folder.name}))
    with pytest.raises(ValueError, match="run the benchmark"):
        write_report(tmp_path)
    assert not (tmp_path / REPORT).exists()


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_summary_that_is_none_is_refused(
    make_folder: MakeFolder, tmp_path: Path, content: str
) -> None:
    folder = make_folder("bundled")
    (folder / SUMMARY).write_text(content)
    with pytest.raises(ValueError, match=r"summary\.json"):
        read_runs({"bundled": folder})


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one folder"):
        read_runs({})


def test_a_page_is_written(make_folder: MakeFolder, tmp_path: Path) -> None:
    save_figure(draw_all_panels([make_run("bundled", 0.8)]), tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_each_host_has_a_row_and_missed_ones_come_first(make_folder: MakeFolder) -> None:
    run = read_runs({"a": make_folder("a", 0.4)})[0]
    rows = tabulate_hosts(run)
    assert sorted(row[0] for row in rows) == sorted(row.label for row in run.rows)
    results = [row[3] for row in rows]
    assert results == sorted(results, key=[NOTHING, MISSED, LOWER, MATCHES].index)
    assert results.count(MATCHES) == len(run.rows) - len(find_failures(run))


def test_rows_say_which_hosts_are_compared_as_measured(make_folder: MakeFolder) -> None:
    run = read_runs({"a": make_folder("a", 1.0)})[0]
    held = run.rows[0].model_copy(update={"evidence": {"held": True}})
    rows = tabulate_hosts(replace(run, rows=(held, *run.rows[1:])))
    assert [row[0] for row in rows if "host held as measured" in row[5]] == [held.label]


def test_reference_and_answer_are_pictured(make_folder: MakeFolder, tmp_path: Path) -> None:
    restoration = make_restoration()
    structures = HostStructures.from_samples(restoration.best, restoration.samples)
    folder = make_folder("a")
    rows = read_rows(folder)
    rows[0] = rows[0].model_copy(update={"structures": structures})
    (folder / ROWS).write_text("".join(f"{row.model_dump_json()}\n" for row in rows))
    assert read_rows(folder)[0].structures == structures
    one, other = structures.list_structures("brucite")
    np.testing.assert_allclose(one.frac_coords, restoration.best.frac_coords, atol=5e-5)
    assert one.inserted.tolist() == other.inserted.tolist()
    page = read({"a": folder})
    assert page.tags.count("svg") == 2
    assert page.unclosed == []
