"""Restorations in notebooks."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from restorations import make_restoration

from aiida_hpaint.science.confidence import format_confidence
from aiida_hpaint.science.confidence.model import FOUND_ONCE
from aiida_hpaint.science.structures.status import SampleStatus


def test_a_restoration_is_a_table_of_its_hosts() -> None:
    text = make_restoration(("brucite", "portlandite"))._repr_html_()
    assert text.count("<tr>") == 3
    assert f"Moderate confidence: {format_confidence(FOUND_ONCE)}" in text


def test_candidates_are_shown_in_3d_with_the_host_as_measured() -> None:
    view = make_restoration().view()
    assert len(view.scenes) == 3
    assert view.scenes[0]["before"]


def test_energies_are_levels_of_a_plot() -> None:
    axes = Figure().subplots()
    make_restoration().plot_energies(axes=axes)
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["1, found 1×", "2, found 1×", "3, found 1×"]  # noqa: RUF001
    heights = [float(level.get_segments()[0][0][1]) for level in axes.collections]
    assert heights == pytest.approx([0.0, 30.0, 60.0])


def test_a_host_without_candidates_is_an_error_that_says_why() -> None:
    failed = make_restoration(statuses=(SampleStatus.TOO_CLOSE,))
    with pytest.raises(ValueError, match="brucite has no candidate"):
        failed.view()
    with pytest.raises(ValueError, match="brucite has no candidate"):
        failed.plot_energies()
    assert "No structure was found" in failed._repr_html_()


def test_pandas_has_a_row_for_each_sample() -> None:
    assert make_restoration().to_pandas()["rank"].tolist() == [0, 1, 2]


def test_consoles_get_a_line_for_each_host_and_not_all_arrays() -> None:
    restoration = make_restoration(("brucite", "portlandite"))
    first, *lines = repr(restoration).splitlines()
    assert first == "<Restoration of 2 hosts>"
    assert lines[0].startswith("brucite: H2 inserted, moderate confidence")
    assert repr(restoration.best) == (
        "<StructureBatch of 2 structures: brucite (Mg(OH)2), portlandite (Ca(OH)2)>"
    )
    assert repr(restoration.samples).endswith("3 more>")
