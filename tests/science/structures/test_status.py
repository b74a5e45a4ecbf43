from __future__ import annotations

from aiida_hpaint.science.structures.status import SampleStatus, describe_statuses


def test_statuses_are_described_in_words_the_most_common_first() -> None:
    text = describe_statuses(["converged", *["duplicate"] * 9])
    assert text == "10 samples: 9 the same as another sample, 1 relaxed"
    assert describe_statuses(["failed"]) == "1 sample: 1 failed with an error"


def test_every_status_has_words() -> None:
    for status in SampleStatus:
        assert describe_statuses([status.value]).startswith("1 sample: 1 ")
