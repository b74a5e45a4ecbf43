"""The four schemes in which known sites take part while the unknown ones are drawn.

=========  =====================  ==============================  ===========================
scheme        known sites            noise level that is told        source
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
from aiida_hpaint.science.settings import Scheme


def renoises_known(scheme: Scheme) -> bool:
    """Whether known sites get fresh noise at each level, so that every site moves."""
    return scheme in ("baseline", "repaint")


def moving_sites(scheme: Scheme, crystals: Crystals) -> Tensor:
    """(B, N) True for sites that move while the sought ones, `crystals.unknown`, are drawn."""
    return crystals.present if renoises_known(scheme) else crystals.unknown


def site_levels(scheme: Scheme, crystals: Crystals, levels: Tensor) -> Tensor:
    """(B, N) noise level of each site as the network is told it, from that of each structure."""
    told = crystals.unknown if scheme == "td" else crystals.present
    return levels[:, None] * told
