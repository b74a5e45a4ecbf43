"""The other side: what a computer needs to run the jobs, and how to ask it what it has.

Nothing here imports AiiDA, and `probe` needs nothing but Python: it runs where the rest of this
package may be missing.
"""

from __future__ import annotations

from aiida_hpaint.science.environment.requirements import list_remote_requirements

__all__ = ["list_remote_requirements"]
