"""Our GemNet against the oracle's: edges and outputs on 50 crystals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from .compare import deviations, tolerance  # noqa: E402
from .crystals import load_cases, per_case  # noqa: E402
from .ours import DTYPES, build, edges, evaluate, settings_of  # noqa: E402
from .references import load  # noqa: E402

KINDS = ("structure", "site")
FEW = slice(0, 50, 12)
SOME = slice(0, 50, 8)


@pytest.mark.numerics
@pytest.mark.parametrize("precision", DTYPES)
def test_edges_are_the_same(precision: str) -> None:
    reference = load("graphs")
    lists = np.split(
        reference[f"edges_{precision}"], np.cumsum(reference[f"counts_{precision}"])[:-1]
    )
    for case, theirs in zip(load_cases(), lists, strict=True):
        ours = edges(case, DTYPES[precision])
        assert set(map(tuple, ours.tolist())) == set(map(tuple, theirs.tolist())), case.label


@pytest.mark.numerics
@pytest.mark.parametrize(("kind", "precision"), list(product(KINDS, DTYPES)))
def test_small_networks_agree_on_all_crystals(kind: str, precision: str) -> None:
    found = deviations(load("outputs"), "small", kind, precision, load_cases())
    assert max(found) < tolerance(settings_of("small"), precision)


@pytest.mark.numerics
@pytest.mark.parametrize("kind", KINDS)
def test_single_precision_costs_what_it_costs_the_oracle(kind: str) -> None:
    # Where two neighbours are equally far, each precision may cut another one.
    cases = load_cases()
    chosen = [index for index, case in enumerate(cases) if case.gap > 1e-5]
    exact, theirs = (
        np.concatenate([rows[index] for index in chosen])
        for rows in (
            per_case(load("outputs")[f"small_{kind}_{precision}"].astype(float), cases)
            for precision in ("float64", "float32")
        )
    )
    few, site = [cases[index] for index in chosen], kind == "site"
    ours = np.concatenate(evaluate(build("small"), few, site, torch.float32))
    assert np.square(ours - exact).mean() < 1.5**2 * np.square(theirs - exact).mean()


@pytest.mark.parametrize(
    "precision", ["float32", pytest.param("float64", marks=pytest.mark.numerics)]
)
def test_full_networks_agree_on_a_few_crystals(precision: str) -> None:
    found = deviations(load("outputs"), "full", "site", precision, load_cases()[FEW])
    assert max(found) < tolerance(settings_of("full"), precision)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "precision"), list(product(KINDS, DTYPES)))
def test_full_networks_agree_on_some_crystals(kind: str, precision: str) -> None:
    found = deviations(load("outputs"), "full", kind, precision, load_cases()[SOME])
    assert max(found) < tolerance(settings_of("full"), precision)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "precision"), list(product(KINDS, DTYPES)))
def test_full_networks_agree_on_all_crystals(kind: str, precision: str) -> None:
    found = deviations(load("outputs"), "full", kind, precision, load_cases())
    assert max(found) < tolerance(settings_of("full"), precision)


@pytest.mark.numerics
@pytest.mark.parametrize(
    "table", ["noise_level_encoding.div_term", "gemnet.radial_basis.rbf.offset"]
)
def test_one_rounding_of_a_table_in_single_precision_would_be_seen(table: str) -> None:
    name, tables = f"small_{table}", load("tables")
    tables[name] = tables[name].copy()
    middle = len(tables[name]) // 3
    tables[name][middle] = np.nextafter(tables[name][middle], np.float32(2))
    arguments = (load("outputs"), "small", "site", "float64", load_cases()[:5])
    allowed = tolerance(settings_of("small"), "float64")
    assert max(deviations(*arguments)) < allowed < max(deviations(*arguments, tables)) / 100


@pytest.mark.numerics
def test_a_batch_gives_what_its_structures_give_alone() -> None:
    cases, network = load_cases()[::5], build("small", torch.float64)
    together = evaluate(network, cases, True, torch.float64)
    for case, rows in zip(cases, together, strict=True):
        (alone,) = evaluate(network, [case], True, torch.float64)
        np.testing.assert_allclose(rows, alone, rtol=0, atol=allowed(alone))


@pytest.mark.numerics
def test_known_sites_change_nothing_for_the_others() -> None:
    cases, network = load_cases()[1::7], build("small", torch.float64)
    for case in cases:
        (rows,) = evaluate(network, [case], True, torch.float64)
        (few,) = evaluate(network, [case], True, torch.float64, all_unknown=False)
        there = case.unknown
        np.testing.assert_allclose(few[there], rows[there], rtol=0, atol=allowed(rows))
        assert not few[~there].any()


def allowed(values: np.ndarray) -> float:
    """Largest difference between two evaluations of the small network."""
    return tolerance(settings_of("small"), "float64") * max(1.0, float(np.abs(values).max()))
