"""The default precision of torch, which some packages change for the whole process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def default_precision(dtype: torch.dtype) -> Iterator[None]:
    """Set the default floating-point type of torch, and restore it afterwards.

    nequip sets double precision as the default of the whole process when it loads a model;
    sevenn cannot build its networks then.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
