"""What goes beside a paper: an archive that is complete, checked, and described."""

from aiida_hpaint.publication.archive import Archive, walk, write_archive
from aiida_hpaint.publication.readme import About, readme

__all__ = ["About", "Archive", "readme", "walk", "write_archive"]
