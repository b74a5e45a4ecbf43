"""Settings of an exchange."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from aiida_hpaint.science.substitution import SubstitutionSettings, Swap


def test_a_swap_is_read_from_text() -> None:
    assert Swap.model_validate("F>OH:30") == Swap(take="F", put="OH", limit=30)
    assert Swap.model_validate("K > NH4") == Swap(take="K", put="NH4")


@pytest.mark.parametrize("text", ["F", "Xx>H", "F>Zz", "F>OH:none"])
def test_a_swap_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Swap.model_validate(text)


def test_an_exchange_needs_a_swap() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        SubstitutionSettings(data="train.npz", output="out", swaps=[])


def test_voids_are_taken_like_an_element() -> None:
    assert Swap.model_validate("void>H:5").taken == 0
    assert Swap.model_validate("F>H").taken == 9
