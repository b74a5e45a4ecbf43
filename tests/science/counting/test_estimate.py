from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science.counting import CountingSettings, estimate_missing_count
from aiida_hpaint.science.counting.phases import Phase
from aiida_hpaint.science.counting.ranking import (
    compute_energy_weights,
    compute_scores,
    rank_site_counts,
)
from aiida_hpaint.science.counting.restorations import (
    RestorationsByCount,
    make_bare_host,
    make_hosts_by_count,
)
from aiida_hpaint.science.counting.results import format_counts_csv
from aiida_hpaint.science.counting.settings import SCREENING
from aiida_hpaint.science.counting.stability import find_stability_windows
from aiida_hpaint.science.files import CACHE_VARIABLE
from aiida_hpaint.science.settings import RelaxationSettings, SamplingSettings
from aiida_hpaint.science.structures import HostError, StructureBatch, concatenate, read_hosts

from .conftest import HOSTS

PHASES = [
    Phase("Mg", {"Mg": 1}, -1.6),
    Phase("O2", {"O": 2}, -9.8),
    Phase("H2", {"H": 2}, -6.65),
    Phase("MgO", {"Mg": 1, "O": 1}, -11.95),
]
ENERGIES = {0: -14.3, 1: -20.5, 2: -26.9, 3: -27.9}


def trials(
    host: StructureBatch, energies: dict[int, float], moved: int | None = None
) -> RestorationsByCount:
    """Trials with these energies, whose inserted sites are anywhere."""
    rows = []
    for place, one in enumerate(make_hosts_by_count(host, "H", max(energies))):
        frac = np.nan_to_num(one.frac_coords, nan=0.1 * (place + 1))
        if place + 1 == moved:
            frac[: host.n_sites] += np.linspace(0, 0.4, host.n_sites)[:, None]
        energy = energies[place + 1]
        rows.append(
            one.with_coords(frac).with_scalars(
                host=[place], sample=[0], rank=[0], energy=[energy], status=["converged"]
            )
        )
    bare = make_bare_host(host).with_scalars(energy=[energies[0]], status=["converged"])
    return RestorationsByCount(bare, concatenate(rows))


def test_three_kinds_of_evidence_agree_on_brucite(brucite_host: StructureBatch) -> None:
    settings = CountingSettings(n_max=3)
    found = rank_site_counts(brucite_host, trials(brucite_host, ENERGIES), PHASES, settings)
    assert found.best.count == 2
    assert found.votes == {"energy": 2, "charge": 2, "valence": 2}
    assert found.contradiction == ""
    assert found.margin > 0.9
    assert sum(count.score for count in found.counts) == pytest.approx(1)
    assert found.best.step == pytest.approx(-6.4 + 3.325)
    assert found.best.states == "Mg2+ O2- H1+"
    text = format_counts_csv(found.as_json())
    assert text.splitlines()[1].startswith("2,0.9")
    assert len(text.splitlines()) == 5


def test_contradictions_are_told(brucite_host: StructureBatch) -> None:
    energies = {**ENERGIES, 1: -22.0, 2: -24.0}
    found = rank_site_counts(
        brucite_host, trials(brucite_host, energies), PHASES, CountingSettings(n_max=3)
    )
    assert found.votes["energy"] == 1
    assert "energy suggests 1, charge suggests 2, valence suggests 2" in found.contradiction
    assert found.best.count == 2


def test_a_host_that_fell_apart_has_no_say(brucite_host: StructureBatch) -> None:
    low = {**ENERGIES, 3: -60.0}
    settings = CountingSettings(n_max=3)
    honest = rank_site_counts(brucite_host, trials(brucite_host, low, moved=3), PHASES, settings)
    assert honest.votes["energy"] == 2
    assert {c.count: c.note for c in honest.counts}[3] == "the host is not intact"
    assert {c.count: c.window for c in honest.counts}[3] is None


def test_without_a_phase_of_an_element_energies_are_left_out(brucite_host: StructureBatch) -> None:
    settings = CountingSettings(n_max=3)
    some = [phase for phase in PHASES if phase.name != "O2"]
    found = rank_site_counts(brucite_host, trials(brucite_host, ENERGIES), some, settings)
    assert found.note == "no phase of O was relaxed: energies are left out"
    assert found.votes == {"energy": None, "charge": 2, "valence": 2}
    assert found.best.count == 2
    assert found.best.energy == ENERGIES[2]
    assert (found.reference, found.best.step, found.best.stability) == (None, None, None)
    assert found.as_json()["note"] == found.note
    other = rank_site_counts(brucite_host, trials(brucite_host, ENERGIES), PHASES, settings, ["x"])
    assert other.note == "these phases could not be relaxed and are left out: x"


def test_what_failed_is_left_out_and_said(brucite_host: StructureBatch) -> None:
    tried = trials(brucite_host, ENERGIES)
    lost = tried.samples.insert_counts == 3
    samples = tried.samples.with_scalars(
        status=np.where(lost, "failed", "converged"),
        rank=np.where(lost, -1, 0),
        energy=np.where(lost, np.nan, tried.samples.scalars["energy"]),
    )
    bare = tried.bare.with_scalars(status=["failed"])
    some = RestorationsByCount(bare, samples)
    found = rank_site_counts(brucite_host, some, PHASES, CountingSettings(n_max=3))
    notes = {count.count: count.note for count in found.counts}
    assert notes == {
        0: "the host without added sites could not be relaxed",
        1: "",
        2: "",
        3: "all samples failed",
    }
    assert found.best.count == 2
    assert some.get_lowest(0) is None
    assert tried.get_lowest(0) is tried.bare


def test_a_complete_crystal_misses_nothing() -> None:
    open_at = find_stability_windows({0: -26.9, 1: -27.9, 2: -30.0}, -3.3)
    assert compute_energy_weights(open_at, CountingSettings()) == {0: 1.0}


def test_the_score_follows_its_rule() -> None:
    settings = CountingSettings(n_max=1, error_rates={"energy": 0.2, "charge": 0.5, "valence": 0.1})
    found = compute_scores(
        {"energy": {1: 1.0}, "charge": {0: 0.5, 1: 0.5}, "valence": {}}, settings
    )
    zero, one = 0.1 * 0.5, 0.9 * 0.5
    assert found == pytest.approx({0: zero / (zero + one), 1: one / (zero + one)})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_max": 0}, "n_max is 0: give at least 1"),
        ({"element": "Hx"}, "there is no element 'Hx'"),
        ({"n_max": 60}, "fit|crowd|volume|Å³"),
    ],
)
def test_questions_without_an_answer(
    brucite_host: StructureBatch, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_missing_count(brucite_host, **arguments)  # type: ignore[arg-type]


def test_hosts_that_are_none(brucite_host: StructureBatch) -> None:
    with pytest.raises(ValueError, match="2 hosts: count the missing sites of one"):
        estimate_missing_count(concatenate([brucite_host, brucite_host]))
    with pytest.raises(HostError, match="no such file"):
        estimate_missing_count("nothing.cif")


@pytest.mark.slow
def test_an_element_that_the_potential_does_not_know(brucite_host: StructureBatch) -> None:
    pytest.importorskip("sevenn")
    numbers = brucite_host.numbers.copy()
    numbers[0] = 98
    with pytest.raises(ValueError, match="was not trained on Cf"):
        estimate_missing_count(replace(brucite_host, numbers=numbers), n_max=2)


def test_settings_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="lower end of the range comes first"):
        CountingSettings(chemical_potential=(0.0, -1.0))
    sampled = SCREENING.model_copy(update={"sampling": SamplingSettings(cell="free")})
    relaxed = RelaxationSettings(moving="all", cell="free")
    for last in (None, SCREENING.relax_all):
        with pytest.raises(ValueError, match=r"set restoration\.relax_all\.cell to free"):
            CountingSettings(restoration=sampled.model_copy(update={"relax_all": last}))
    CountingSettings(restoration=sampled.model_copy(update={"relax_all": relaxed}))


@pytest.mark.slow
def test_the_hydrogen_of_brucite_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sevenn")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    quick = SCREENING.model_copy(update={"sampling": SamplingSettings(samples=3)})
    told: list[str] = []
    found = estimate_missing_count(
        read_hosts(HOSTS / "brucite.cif"),
        n_max=3,
        settings=CountingSettings(restoration=quick),
        progress=lambda done, total, text: told.append(text),
    )
    assert found.best.count == 2
    assert found.best.stability is not None
    assert abs(found.best.stability.above_hull) < 0.02
    assert found.structure is not None
    assert int(found.structure.insert_counts[0]) == 2
    assert "phases" in told
