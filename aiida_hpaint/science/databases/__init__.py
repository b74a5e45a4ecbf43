"""Databases: which of their records miss hydrogen, and why one thinks so."""

from __future__ import annotations

from aiida_hpaint.science.databases.documents import Document, iter_documents
from aiida_hpaint.science.databases.examine import examine_document, examine_hosts
from aiida_hpaint.science.databases.findings import Filters, Finding, Verdict
from aiida_hpaint.science.databases.optimade import Optimade, OptimadeError
from aiida_hpaint.science.databases.scan import examine_documents

__all__ = [
    "Document",
    "Filters",
    "Finding",
    "Optimade",
    "OptimadeError",
    "Verdict",
    "examine_document",
    "examine_documents",
    "examine_hosts",
    "iter_documents",
]
