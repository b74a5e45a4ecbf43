from __future__ import annotations

import pytest
import torch

from aiida_hpaint.science.diffusion.sampling.batching import find_memory_limit, is_out_of_memory


def test_a_lack_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.cuda.OutOfMemoryError())
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


def test_a_cpu_has_a_fixed_limit() -> None:
    assert find_memory_limit(torch.device("cpu")) == 2.0
