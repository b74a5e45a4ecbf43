from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.confidence import Evidence, load_confidence_model
from aiida_hpaint.science.confidence.model import (
    FAILING,
    FOUND_ONCE,
    SIGNS,
    UNMEASURED,
    ConfidenceModel,
    compute_features,
)

MODELS = [
    load_confidence_model(),
    ConfidenceModel(0.5, {name: 2.0 * sign for name, sign in SIGNS.items()}, {}),
]


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    samples, states = draw(st.integers(1, 60)), draw(st.integers(1, 8))
    return Evidence(
        samples=samples,
        found=draw(st.integers(0, samples)),
        single=draw(st.integers(0, states)),
        states=states,
        gap=draw(st.none() | st.floats(-0.1, 1.0)),
        inserted=draw(st.integers(1, 64)),
        sites=draw(st.sampled_from([40, 128])),
        is_hydride=draw(st.booleans()),
        passes=draw(st.booleans()),
        displacement=draw(st.none() | st.floats(0, 2)),
        repeats=draw(st.integers(0, 60)),
    )


@pytest.mark.parametrize("model", MODELS, ids=["package", "steep"])
@given(one=evidence(), more=st.integers(1, 60), gap=st.floats(0, 1.0))
def test_more_evidence_never_lowers_the_confidence(
    model: ConfidenceModel, one: Evidence, more: int, gap: float
) -> None:
    before = model.estimate(one)
    assert 0 <= before <= 1
    agreeing = replace(one, found=min(one.found + more, one.samples))
    assert model.estimate(agreeing) >= before
    assert model.estimate(replace(one, repeats=one.repeats + more)) >= before
    if one.gap is not None:
        assert model.estimate(replace(one, gap=one.gap + gap)) >= before
    assert model.estimate(replace(one, single=max(one.single - more, 0))) >= before
    assert model.estimate(replace(one, passes=True)) >= before
    assert model.estimate(replace(one, displacement=0.0)) >= before
    assert model.estimate(replace(one, inserted=one.inserted + more)) <= before


def test_signs_are_those_of_the_coefficients_of_the_package() -> None:
    model = load_confidence_model()
    assert set(model.coefficients) == set(SIGNS)
    assert all(model.coefficients[name] * sign >= 0 for name, sign in SIGNS.items())
    assert model.source["benchmarks"]


def test_features_are_finite_without_another_state() -> None:
    one = Evidence(4, 0, 1, 1, None, 2, 5, False, True)
    features = compute_features(one)
    assert features["gap"] == 1
    # That only one sample found the answer, or none, says nothing of other states.
    assert features["unseen"] == 0
    assert compute_features(replace(one, states=3, single=3))["unseen"] == 2 / 4


@given(evidence=evidence(), found=st.integers(0, 1), repeats=st.integers(0, 60))
def test_what_nothing_led_back_to_is_never_sure(
    evidence: Evidence, found: int, repeats: int
) -> None:
    once = replace(evidence, found=found, repeats=repeats, is_hydride=repeats > 1)
    assert all(model.estimate(once) <= FOUND_ONCE for model in MODELS)


@given(evidence=evidence())
def test_what_fails_checks_is_never_probable(evidence: Evidence) -> None:
    failing = replace(evidence, passes=False)
    assert all(model.estimate(failing) <= FAILING for model in MODELS)


def test_in_hosts_larger_than_any_measured_the_lowest_of_many_is_a_proposal() -> None:
    once = Evidence(10, 1, 3, 3, 0.015, 124, 178, is_hydride=False, passes=True)
    assert all(model.estimate(once) <= UNMEASURED for model in MODELS)
    assert load_confidence_model().estimate(replace(once, sites=80)) == FOUND_ONCE
    assert load_confidence_model().estimate(replace(once, found=5)) > UNMEASURED
