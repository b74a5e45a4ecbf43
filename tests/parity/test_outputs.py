"""Our GemNet against the oracle's: edges and outputs on 50 crystals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from .compare import TOLERANCES, deviations  # noqa: E402
from .crystals import load_cases  # noqa: E402
from .ours import DTYPES, build, edges, evaluate  # noqa: E402
from .references import load  # noqa: E402

KINDS = ("structure", "site")
FEW = slice(0, 50, 12)


@pytest.mark.parametrize("precision", DTYPES)
def test_edges_are_the_same(precision: str) -> None:
    reference = load("graphs")
    lists = np.split(
        reference[f"edges_{precision}"], np.cumsum(reference[f"counts_{precision}"])[:-1]
    )
    for case, theirs in zip(load_cases(), lists, strict=True):
        ours = edges(case, DTYPES[precision])
        assert set(map(tuple, ours.tolist())) == set(map(tuple, theirs.tolist())), case.label


@pytest.mark.parametrize(("kind", "precision"), list(product(KINDS, DTYPES)))
def test_small_networks_agree_on_all_crystals(kind: str, precision: str) -> None:
    found = deviations(load("outputs"), "small", kind, precision, load_cases())
    assert max(found) < TOLERANCES[precision]


@pytest.mark.parametrize("precision", DTYPES)
def test_full_networks_agree_on_a_few_crystals(precision: str) -> None:
    found = deviations(load("outputs"), "full", "site", precision, load_cases()[FEW])
    assert max(found) < TOLERANCES[precision]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "precision"), list(product(KINDS, DTYPES)))
def test_full_networks_agree_on_all_crystals(kind: str, precision: str) -> None:
    found = deviations(load("outputs"), "full", kind, precision, load_cases())
    assert max(found) < TOLERANCES[precision]


def test_a_batch_gives_what_its_structures_give_alone() -> None:
    cases, network = load_cases()[::5], build("small", torch.float64)
    together = evaluate(network, cases, True, torch.float64)
    for case, rows in zip(cases, together, strict=True):
        (alone,) = evaluate(network, [case], True, torch.float64)
        np.testing.assert_allclose(rows, alone, rtol=0, atol=1e-11)


def test_known_sites_change_nothing_for_the_others() -> None:
    cases, network = load_cases()[1::7], build("small", torch.float64)
    for case in cases:
        (rows,) = evaluate(network, [case], True, torch.float64)
        (few,) = evaluate(network, [case], True, torch.float64, all_unknown=False)
        np.testing.assert_allclose(few[case.unknown], rows[case.unknown], rtol=0, atol=1e-11)
        assert not few[~case.unknown].any()
