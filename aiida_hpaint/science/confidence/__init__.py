"""Confidence: how probable it is that an answer is the ground state of its potential."""

from aiida_hpaint.science.confidence.assign import (
    SURE,
    add_confidence,
    describe_confidence,
    format_confidence,
)
from aiida_hpaint.science.confidence.evidence import Evidence
from aiida_hpaint.science.confidence.model import load_confidence_model

__all__ = [
    "SURE",
    "Evidence",
    "add_confidence",
    "describe_confidence",
    "format_confidence",
    "load_confidence_model",
]
