"""The four inpainting schemes: how known sites take part while unknown ones are sampled.

=========  =====================  ==============================  ===========================
scheme     known sites            noise level that is reported    source
=========  =====================  ==============================  ===========================
td         clean                  zero for known sites            TD-Paint (arXiv:2410.09306)
pos-only   clean                  one for all sites               MatterGen's own masks
baseline   re-noised each level   one for all sites               Song et al. (2011.13456), I.2
repaint    re-noised each level   one for all sites, with jumps   RePaint (arXiv:2201.09865)
=========  =====================  ==============================  ===========================

The third column is what the network is given as the noise level of known sites, whether or not
they have that noise. Reents et al. 2026 (arXiv:2601.01959) compare the schemes. XtalPaint calls
`pos-only` "baseline", and `baseline` "baseline-with-noise".
"""

from __future__ import annotations

from torch import Tensor

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.settings import Scheme


def renoises_known(scheme: Scheme) -> bool:
    """Return whether known sites get fresh noise at each level, so that every site moves."""
    return scheme in ("baseline", "repaint")


def find_moving_sites(scheme: Scheme, crystals: Crystals) -> Tensor:
    """Return a mask (B, N) of the sites that move while the `unknown` ones are sampled."""
    return crystals.present if renoises_known(scheme) else crystals.unknown


def report_site_levels(scheme: Scheme, crystals: Crystals, levels: Tensor) -> Tensor:
    """Return the noise level (B, N) that the network is given for each site.

    Parameters
    ----------
    levels : (B,) noise level of each structure.
    """
    noisy = crystals.unknown if scheme == "td" else crystals.present
    return levels[:, None] * noisy
