"""Whole searches with a fast potential."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_hpaint.science.recipe import plan_stages, run_stage
from aiida_hpaint.science.restoration import restore, restore_batch
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.stages import StageTools
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.batch import concatenate

from .conftest import strip

Make = Callable[..., StructureBatch]
MakeSettings = Callable[..., RestorationSettings]


def before_search(
    hosts: StructureBatch, settings: RestorationSettings, tools: StageTools
) -> StructureBatch:
    structures = hosts
    for name, inputs in plan_stages(settings).items():
        if name == "search":
            break
        structures = run_stage(name, structures, inputs, tools).structures
    return structures


def search(
    samples: StructureBatch, settings: RestorationSettings, tools: StageTools
) -> StructureBatch:
    return run_stage("search", samples, plan_stages(settings)["search"], tools).structures


@pytest.fixture(scope="module")
def searched(make_host: Make, make_settings: MakeSettings, emt: Any) -> StructureBatch:
    return restore(make_host(), settings=make_settings(), potential=emt).samples


def test_rounds_add_arrangements_of_each_kind(searched: StructureBatch) -> None:
    rounds, origins = searched.scalars["round"], searched.scalars["origin"]
    assert [int((rounds == number).sum()) for number in range(3)] == [3, 4, 4]
    assert set(origins[rounds == 0]) == {"generated"}
    assert set(origins[rounds > 0]) >= {"generated", "inpainted", "turned"}
    assert len(set(searched.scalars["sample"].tolist())) == len(searched)


def test_the_lowest_arrangement_is_not_above_what_was_known(
    searched: StructureBatch, make_host: Make, make_settings: MakeSettings, emt: Any
) -> None:
    settings = make_settings().model_copy(update={"search": None})
    plain = restore(make_host(), settings=settings, potential=emt).best
    best = searched.scalars["energy"][searched.scalars["rank"] == 0]
    assert best[0] <= plain.scalars["energy"][0]


def test_the_history_says_what_each_move_found(searched: StructureBatch) -> None:
    (record,) = [one for one in searched.history if one["stage"] == "search"]
    tried = {origin: counts["tried"] for origin, counts in record["moves"].items()}
    later = searched.scalars["origin"][searched.scalars["round"] > 0].tolist()
    assert tried == {origin: later.count(origin) for origin in set(later)}
    assert record["new_samples"] == len(later)
    assert record["hosts"] == record["searched"] == 1
    assert record["evaluations"] > 0


def test_further_samples_are_those_of_a_larger_number(
    searched: StructureBatch, make_host: Make, make_settings: MakeSettings, emt: Any
) -> None:
    rounds, origins = searched.scalars["round"], searched.scalars["origin"]
    further = int(((rounds > 0) & (origins == "generated")).sum())
    settings = make_settings(rounds=0)
    sampling = settings.require_sampling().model_copy(update={"samples": 3 + further})
    settings = settings.model_copy(update={"sampling": sampling, "candidates": 1})
    larger = run_stage("sample", make_host(), plan_stages(settings)["sample"]).structures
    moved = searched.scalars["energy_scored"][(rounds > 0) & (origins == "generated")]
    scored = run_stage(
        "score", larger[3:], plan_stages(settings)["score"], StageTools(potential=emt)
    ).structures
    both = np.isfinite(moved)
    assert both.any()
    assert np.allclose(moved[both], scored.scalars["energy_scored"][both])


def test_a_host_that_is_sure_costs_nothing(
    make_host: Make, make_settings: MakeSettings, emt: Any
) -> None:
    tools = StageTools(potential=emt)
    settings = make_settings(agreement=1)
    samples = before_search(make_host(1), settings, tools)
    found = search(samples, settings, tools)
    assert len(found) == len(samples)
    assert found.history[-1]["evaluations"] == 0
    assert found.history[-1]["sure"] == 1
    relaxed = np.isin(found.scalars["status"], ["converged", "not converged"])
    assert (found.scalars["found"][relaxed] >= 1).all()


def test_a_host_does_not_depend_on_others(
    make_host: Make, make_settings: MakeSettings, emt: Any
) -> None:
    settings, tools = make_settings(), StageTools(potential=emt)
    hosts = [make_host(2), make_host(3, 4.1), make_host(1, 3.9, "Ni")]
    together = restore_batch(concatenate(hosts), settings, tools).samples
    for index, host in enumerate(hosts):
        alone = strip(restore_batch(host, settings, tools).samples)
        beside = strip(together[together.scalars["host"] == index])
        for name, values in alone.items():
            if values.dtype.kind == "f":
                assert np.allclose(values, beside[name], atol=1e-6, equal_nan=True), name
            else:
                assert values.tolist() == beside[name].tolist(), name


def test_a_search_that_was_interrupted_ends_the_same(
    make_host: Make, make_settings: MakeSettings, emt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, tools = make_settings(), StageTools(potential=emt)
    samples = before_search(make_host(), settings, tools)
    whole = search(samples, settings, tools)
    stopped = _stop_after_a_round(samples, settings, tools, monkeypatch)
    assert stopped.scalars["round"].max() == 1
    assert (stopped.scalars["status"] == "unfinished").sum() == 1
    resumed = search(stopped, settings, tools)
    assert not (resumed.scalars["status"] == "unfinished").any()
    assert np.array_equal(whole.frac_coords, resumed.frac_coords)
    for name, values in whole.scalars.items():
        assert values.tolist() == resumed.scalars[name].tolist() or values.dtype.kind == "f", name


def _stop_after_a_round(
    samples: StructureBatch,
    settings: RestorationSettings,
    tools: StageTools,
    monkeypatch: pytest.MonkeyPatch,
) -> StructureBatch:
    """Search until the deadline ends the second round."""
    from aiida_hpaint.science.search import rounds, run

    original, calls = rounds.run_round, []

    def run_round(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 1:
            raise rounds.OutOfTimeError
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(run, "run_round", run_round)
        return search(samples, settings, tools)


def test_where_no_move_is_possible_the_search_ends(
    make_host: Make, make_settings: MakeSettings, emt: Any
) -> None:
    settings, tools = make_settings(moves=["inpainted", "swapped"]), StageTools(potential=emt)
    samples = before_search(make_host(1), settings, tools)
    assert len(search(samples, settings, tools)) == len(samples)


def test_a_deadline_that_has_passed_leaves_the_samples_as_they_are(
    make_host: Make, make_settings: MakeSettings, emt: Any
) -> None:
    settings = make_settings()
    samples = before_search(make_host(), settings, StageTools(potential=emt))
    late = search(samples, settings, StageTools(potential=emt, deadline=time.monotonic() - 1))
    assert len(late) == len(samples)
    assert (late.scalars["status"] == "unfinished").sum() == 1
    assert np.array_equal(late.frac_coords, samples.frac_coords)
