"""Evidence from samples whose arrangements are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_hpaint.science.search.evidence import Evidence
from aiida_hpaint.science.search.mix import WEIGHTS, count_wins, share_out
from aiida_hpaint.science.settings import SearchSettings
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.batch import concatenate

MOVES = list(WEIGHTS)


def sample(number: int, place: float, energy: float, **scalars: Any) -> StructureBatch:
    """A lithium atom and one H at a place of its own, in a cell that tells places apart."""
    values = {
        "host": 0,
        "sample": number,
        "status": "converged",
        "energy": energy,
        "origin": "generated",
        "round": 0,
        "same_as": -1,
        "steps": 10,
        **scalars,
    }
    return StructureBatch(
        labels=("LiH",),
        cells=np.diag([5.0, 6.0, 7.0])[None],
        site_counts=[2],
        numbers=[3, 1],
        frac_coords=[[0.1, 0.2, 0.3], [0.3 + place, 0.45 + place / 3, 0.6 + place / 7]],
        inserted=[False, True],
        scalars={name: np.array([value]) for name, value in values.items()},
    )


def collect(*samples: StructureBatch) -> Evidence:
    return Evidence.collect(concatenate(samples), same=0.3)


def test_samples_count_for_the_arrangement_they_ended_in() -> None:
    evidence = collect(
        sample(0, 0.0, -3.0),
        sample(1, 0.2, -2.0),
        sample(2, 0.01, -2.9, status="higher in energy"),
        sample(3, 0.7, np.nan, status="duplicate", same_as=0),
        sample(4, 0.4, np.nan, status="too close"),
        sample(5, 0.01, -3.0, origin="inpainted", round=1),
    )
    assert evidence.groups.tolist() == [0, 1, 0, 0, -1, 0]
    assert evidence.lowest.tolist() == [0, 1]
    # What was made from the lowest arrangement is no independent evidence of it.
    assert evidence.found.tolist() == [3, 1, 3, 3, 0, 3]
    assert evidence.repeats.tolist() == [3, 0, 3, 3, 0, 3]
    assert evidence.unseen == 1 / 4
    assert evidence.evaluations == 60


def test_symmetrised_versions_are_no_other_way_to_an_arrangement() -> None:
    evidence = collect(
        sample(0, 0.0, -3.0),
        sample(1, 0.0, -2.9, origin="symmetrised", status="higher in energy"),
        sample(2, 0.0, -2.9, origin="wyckoff", status="higher in energy"),
    )
    assert evidence.groups.tolist() == [0, 0, 0]
    assert evidence.repeats.tolist() == [1, 2, 1]


def test_what_was_held_back_is_in_no_relaxed_arrangement() -> None:
    evidence = collect(
        sample(0, 0.0, -3.0, status="higher in energy"), sample(1, 0.02, -2.0), sample(2, 0.5, -1.0)
    )
    assert evidence.groups.tolist() == [1, 1, 2]
    assert evidence.lowest.tolist() == [1, 2]


def test_agreement_or_nothing_new_suffices() -> None:
    thrice = [sample(number, 0.0, -3.0) for number in range(3)]
    other = sample(3, 0.5, -1.0)
    settings = SearchSettings(agreement=3, unseen=0.1)
    assert collect(*thrice, other).suffices(settings)
    # Where as many samples end alone, a lower arrangement may well have been missed.
    alone = [sample(4 + n, 0.15 * (n + 1), -1.0 - n / 10) for n in range(3)]
    assert not collect(*thrice, *alone).suffices(settings)
    assert collect(*thrice, sample(9, 0.0, -3.0), *alone).suffices(settings)
    assert not collect(*thrice[:2], other).suffices(settings)
    assert collect(*thrice[:2]).suffices(settings)
    assert not collect(thrice[0]).suffices(settings)
    assert not collect(sample(0, 0.0, np.nan, status="failed")).suffices(settings)


def test_the_budget_ends_a_search_that_is_not_sure() -> None:
    evidence = collect(sample(0, 0.0, -3.0), sample(1, 0.5, -1.0, round=2))
    assert evidence.asks_for_more(SearchSettings(rounds=3, evaluations=21))
    assert not evidence.asks_for_more(SearchSettings(rounds=2, evaluations=21))
    assert not evidence.asks_for_more(SearchSettings(rounds=3, evaluations=20))


def test_shares_sum_up_and_follow_what_moves_found() -> None:
    begin = collect(sample(0, 0.0, -3.0))
    first = share_out(begin, MOVES, 8)
    assert sum(first.values()) == 8
    assert first["generated"] == max(first.values())
    later = collect(
        sample(0, 0.0, -3.0),
        sample(1, 0.5, -4.0, origin="turned", round=1),
        sample(2, 0.3, -2.0, origin="inpainted", round=1),
    )
    assert count_wins(later) == {"turned": 1}
    second = share_out(later, MOVES, 8)
    assert sum(second.values()) == 8
    assert second["turned"] > first.get("turned", 0)


def test_an_energy_that_is_hardly_lower_is_no_success() -> None:
    evidence = collect(sample(0, 0.0, -3.0), sample(1, 0.5, -3.001, origin="random", round=1))
    assert count_wins(evidence) == {}


def test_a_round_that_only_leads_back_suffices() -> None:
    settings = SearchSettings(agreement=3, unseen=0.0, rediscoveries=3)
    proposed = [sample(0, 0.0, -3.0, origin="wyckoff"), sample(1, 0.5, -1.0)]
    again = [sample(n, 0.0, -3.0, origin="inpainted", round=1) for n in (2, 3)]
    assert not collect(*proposed).suffices(settings)
    assert collect(*proposed, *again).suffices(settings)
    assert not collect(*proposed, again[0]).suffices(settings)
    # The last round found something lower, or nothing of the kind.
    lower = sample(4, 0.8, -4.0, origin="inpainted", round=1)
    assert not collect(*proposed, *again, lower).suffices(settings)
    elsewhere = sample(5, 0.5, -1.0, origin="inpainted", round=2)
    assert not collect(*proposed, *again, elsewhere).suffices(settings)
