"""Publication of results: an AiiDA archive, checked for completeness, and a README."""

from aiida_hpaint.publication.archive import Archive, check_archive, write_archive
from aiida_hpaint.publication.readme import PublicationDetails, format_readme

__all__ = ["Archive", "PublicationDetails", "check_archive", "format_readme", "write_archive"]
