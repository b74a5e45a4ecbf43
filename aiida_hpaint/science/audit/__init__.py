"""Audit of published hydrogen: positions that are there, but doubtful."""

from aiida_hpaint.science.audit.alerts import Alert, Level
from aiida_hpaint.science.audit.geometry import audit_geometry
from aiida_hpaint.science.audit.restored import audit_by_restoring

__all__ = ["Alert", "Level", "audit_by_restoring", "audit_geometry"]
