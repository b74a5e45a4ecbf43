from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from benchmark_rows import make_rows, make_run, with_potential
from matplotlib.figure import Figure

from aiida_hpaint.science.benchmark.report import Run
from aiida_hpaint.science.benchmark.report.distribution_figures import draw_cumulative
from aiida_hpaint.science.benchmark.report.figure_style import (
    pick_colours,
    shorten_name,
    spread_apart,
)
from aiida_hpaint.science.benchmark.report.figures import (
    PANELS,
    Panel,
    draw_all_panels,
    draw_panel,
    render_svg,
    select_panels,
)
from aiida_hpaint.science.benchmark.report.tables import POTENTIAL_HEAD, tabulate_potentials
from aiida_hpaint.science.benchmark.statistics import summarise

PLAIN = [panel for panel in PANELS if not panel.of_potentials]


@pytest.mark.parametrize("panel", PLAIN, ids=lambda panel: panel.name)
def test_a_figure_is_drawn_for_one_run_and_for_three(panel: Panel) -> None:
    runs = [make_run("bundled", 0.9), make_run("random", 0.3), make_run("a/$b$_c", 0.6)]
    for some in (runs[:1], runs):
        root = ElementTree.fromstring(render_svg(draw_panel(panel, some)))
        assert root.tag.endswith("svg")


def test_figures_are_the_same_every_time() -> None:
    runs = [make_run("bundled", 0.9)]
    assert render_svg(draw_panel(PANELS[0], runs)) == render_svg(draw_panel(PANELS[0], runs))


def test_figures_can_be_drawn_when_nothing_survived() -> None:
    nothing = make_run("none", 0.5, status="too close")
    for panel in PLAIN:
        assert render_svg(draw_panel(panel, [nothing]))


def test_potentials_are_drawn_where_there_are_several() -> None:
    rows = make_rows(0.6, hosts=8)
    for name in ("one", "two"):
        rows = with_potential(rows, name, 0.5, 0.01, np.random.default_rng(1))
    several, single = Run("bundled", rows, summarise(rows, "base")), make_run("random", 0.3)
    assert select_panels([single]) == PLAIN
    (panel,) = [panel for panel in select_panels([several, single]) if panel.of_potentials]
    drawn = [axes for axes in draw_panel(panel, [several, single]).axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in drawn] == ["one", "two"]
    assert len(tabulate_potentials(several.summary["potentials"])) == 3
    assert {len(row) for row in tabulate_potentials(several.summary["potentials"])} == {
        len(POTENTIAL_HEAD)
    }


def test_samples_as_drawn_have_figures_of_their_own() -> None:
    drawn = make_run("bundled", 0.7, status="sampled")
    assert 0 < len(select_panels([drawn])) < len(select_panels([drawn, make_run("other", 0.5)]))
    axes = draw_panel(PANELS[0], [drawn]).axes[0]
    heights = np.asarray(axes.lines[0].get_ydata())
    wanted = drawn.summary["any_match_unrelaxed_by_k"]
    assert heights == pytest.approx([entry["value"] for entry in wanted])
    assert render_svg(draw_all_panels([drawn]))


def test_the_lines_are_the_rates_of_the_summary() -> None:
    run = make_run("bundled", 0.8, samples=6)
    axes = draw_panel(PANELS[0], [run]).axes[2]
    heights = np.asarray(axes.lines[0].get_ydata())
    assert heights == pytest.approx([entry["value"] for entry in run.summary["les_by_k"]])


def test_the_bars_are_the_rates_of_the_splits() -> None:
    run = make_run("bundled", 0.8, hosts=40)
    axes = draw_panel(PANELS[1], [run]).axes[0]
    groups = run.summary["splits"]["inserted"]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([group["les"]["value"] for group in groups])


def test_a_cumulative_line_is_the_share_at_or_below() -> None:
    axes = Figure().subplots()
    axes.set_xlim(-1, 1)
    values = np.array([0.3, -0.2, 0.1, 0.1])
    draw_cumulative(axes, {"x": values})
    at, share = (np.asarray(data) for data in axes.lines[0].get_data())
    for place in (-0.5, 0.0, 0.1, 0.2, 0.5):
        drawn = share[at <= place].max(initial=0.0)
        assert drawn == (values <= place).mean()


def test_names_that_end_at_one_height_are_moved_apart() -> None:
    axes = Figure().subplots()
    axes.set_ylim(0, 1)
    places = sorted(spread_apart(axes, {"a": 1.0, "b": 1.0, "c": 0.99}, 0.1).values())
    assert np.diff(places).min() >= 0.1 - 1e-12
    assert places[-1] == 1.0


def test_colours_are_distinct_and_random_is_grey() -> None:
    found = pick_colours(["random", "a", "b", "c", "d", "e", "f"])
    assert len(set(found.values())) == 7
    assert found["a"] == pick_colours(["a"])["a"]


def test_a_name_is_short_and_no_formula() -> None:
    assert shorten_name("models/$x$") == r"\$x\$"
    assert len(shorten_name("m" * 50)) == 18
