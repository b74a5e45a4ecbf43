"""The settings of a restoration: one object for Python, YAML, the command line and provenance."""

from aiida_hpaint.science.settings.base import (
    CAMPAIGN_CHUNK_SITES,
    CHUNK_SITES,
    ONE_JOB_SITES,
    Device,
    Precision,
    SampledCell,
    Scheme,
    SearchedCell,
    Settings,
)
from aiida_hpaint.science.settings.dft import (
    DftSettings,
    ValidationSettings,
)
from aiida_hpaint.science.settings.hosts import (
    DEFAULT_HOST_SETTINGS,
    HostSettings,
)
from aiida_hpaint.science.settings.peaks import (
    PeaksSettings,
    PinballSettings,
    RestoreHydrogenSettings,
)
from aiida_hpaint.science.settings.relaxation import (
    DEFAULT_SCORE,
    CheckSettings,
    PotentialSettings,
    RelaxationSettings,
)
from aiida_hpaint.science.settings.restoration import (
    RestorationSettings,
)
from aiida_hpaint.science.settings.sampling import (
    FilterSettings,
    SamplingSettings,
    SymmetrySettings,
)
from aiida_hpaint.science.settings.search import SearchSettings

__all__ = [
    "CAMPAIGN_CHUNK_SITES",
    "CHUNK_SITES",
    "DEFAULT_HOST_SETTINGS",
    "DEFAULT_SCORE",
    "ONE_JOB_SITES",
    "CheckSettings",
    "Device",
    "DftSettings",
    "FilterSettings",
    "HostSettings",
    "PeaksSettings",
    "PinballSettings",
    "PotentialSettings",
    "Precision",
    "RelaxationSettings",
    "RestorationSettings",
    "RestoreHydrogenSettings",
    "SampledCell",
    "SamplingSettings",
    "Scheme",
    "SearchSettings",
    "SearchedCell",
    "Settings",
    "SymmetrySettings",
    "ValidationSettings",
]
