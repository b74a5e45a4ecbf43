"""Telling a lack of memory from other errors, on every version of torch and every device."""

from __future__ import annotations

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out.

    torch reports it as an error of its own on a GPU and as a plain RuntimeError on a CPU.
    """
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
