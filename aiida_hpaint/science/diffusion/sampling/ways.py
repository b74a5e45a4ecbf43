"""The four ways in which known sites take part while the unknown ones are drawn.

=========  =====================  ==============================  ===========================
way        known sites            noise level that is told        source
=========  =====================  ==============================  ===========================
td         clean                  zero for known sites            TD-Paint (arXiv:2410.09306)
pos-only   clean                  one for all sites               MatterGen's own masks
baseline   re-noised each level   one for all sites               Song et al. (2011.13456), I.2
repaint    re-noised each level   one for all sites, with jumps   RePaint (arXiv:2201.09865)
=========  =====================  ==============================  ===========================

Reents et al. 2026 (arXiv:2601.01959) compare them. XtalPaint calls the second `baseline` and the
third `baseline-with-noise`.
"""

from __future__ import annotations

from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.settings import Way


def renoises_known(way: Way) -> bool:
    """Whether known sites get fresh noise at each level, so that every site moves."""
    return way in ("baseline", "repaint")


def moving_sites(way: Way, crystals: Crystals) -> Tensor:
    """(B, N) True for sites that move while the sought ones, `crystals.unknown`, are drawn."""
    return crystals.present if renoises_known(way) else crystals.unknown


def told_levels(way: Way, crystals: Crystals, levels: Tensor) -> Tensor:
    """(B, N) noise level of each site as the network is told it, from that of each structure."""
    told = crystals.unknown if way == "td" else crystals.present
    return levels[:, None] * told
