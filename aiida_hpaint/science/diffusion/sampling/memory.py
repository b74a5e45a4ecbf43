"""How much memory there is, and whether it ran out, on every version of torch and device."""

from __future__ import annotations

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out.

    torch reports it as an error of its own on a GPU and as a plain RuntimeError on a CPU.
    """
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def memory_limit(device: torch.device) -> float:
    """GiB that structures evaluated at once may take on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return 0.7 * free / 2**30
    return 2.0
