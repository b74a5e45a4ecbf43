"""A count through a real daemon."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from processes import finished

from aiida_hpaint.science.counting.settings import SCREENING, CountingSettings
from aiida_hpaint.science.relaxation import PotentialCard, PotentialError
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import read_hosts

BRUCITE = Path(__file__).parents[3] / "examples" / "hosts" / "brucite.cif"
TIMEOUT = 600
QUICK = CountingSettings(
    n_max=3,
    restoration=SCREENING.model_copy(update={"sampling": SamplingSettings(samples=2)}),
)


@pytest.mark.usefixtures("profile")
def test_an_element_that_the_potential_does_not_know_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from aiida_hpaint.workflows import counting

    elements = frozenset({1, 12})
    card = PotentialCard("some", "ase", "0", "none", "0" * 64, "cpu", elements=elements)
    monkeypatch.setattr(counting, "get_potential", lambda settings: SimpleNamespace(card=card))
    with pytest.raises(PotentialError, match="was not trained on O: choose a potential"):
        counting.build_count(read_hosts(BRUCITE), settings=QUICK)


@pytest.mark.slow
def test_the_daemon_counts_the_hydrogen_of_brucite(daemon: Any) -> None:
    from aiida_hpaint.workflows.counting import build_count

    graph = build_count(read_hosts(BRUCITE), settings=QUICK, name="how many")
    graph.submit()
    node = finished(graph.process, TIMEOUT)
    found = node.outputs.counting.get_dict()
    assert found["best"] == 2
    assert found["counts"][0]["count"] == 2
    assert found["votes"] == {"energy": 2, "charge": 2, "valence": 2}
    assert node.outputs.structure.get_formula() == "H2MgO2"
    assert len(node.outputs.phases.batch) == len(found["phases"])
    assert node.outputs.table.get_content().startswith("count,score,")


@pytest.mark.slow
@pytest.mark.usefixtures("profile")
def test_a_count_whose_jobs_fail_keeps_what_needs_none() -> None:
    """A job of this code starts no Python; oxidation states and bond valences need none."""
    from click import ClickException
    from failing_code import make_false_code

    from aiida_hpaint.cli.restore.count_report import say_what_failed
    from aiida_hpaint.workflows.counting import build_count

    restoration = QUICK.restoration.model_copy(update={"search": None})
    settings = QUICK.model_copy(update={"restoration": restoration, "n_max": 2})
    graph = build_count(read_hosts(BRUCITE), settings=settings, code=make_false_code())
    graph.run()
    node = graph.process
    assert node.exit_status == 412, node.exit_message
    found = node.outputs.counting.get_dict()
    assert found["best"] == 2
    assert found["votes"] == {"energy": None, "charge": 2, "valence": 2}
    assert found["note"] == "no phase of H, Mg, O was relaxed: energies are left out"
    assert node.outputs.summary["n_failed"] == node.outputs.summary["n_hosts"] == 2
    assert {one["status"] for one in node.outputs.part_reports.values()} == {"failed"}
    assert "structure" not in node.outputs
    with pytest.raises(ClickException, match=r"the table is incomplete: none of \d jobs succeeded"):
        say_what_failed(node)
