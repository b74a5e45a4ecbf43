"""More structures with an element that data are short of: exchange others for it, and relax."""

from __future__ import annotations

from aiida_hpaint.science.exchange.run import exchange
from aiida_hpaint.science.exchange.settings import ExchangeSettings, Swap

__all__ = ["ExchangeSettings", "Swap", "exchange"]
