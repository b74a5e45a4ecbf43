"""Advice for failed jobs and hosts, by the text of their error."""

from __future__ import annotations

__all__ = ["give_advice"]

_WALLTIME = "ask for a longer max_wallclock_seconds (options), or smaller chunk_sites"
_MEMORY = (
    "ask for more memory (options), or lower max_memory of the sampling, max_sites_per_batch of "
    "the relaxations, or chunk_sites; a host that fails on its own is too large for that computer"
)
_DISK = "free space on the disk of that computer, or move its work directory; then submit again"
_MODEL = "fetch the model again where the job runs (`aiida-hpaint models fetch`), or send it along"
_SAME = "install the same version on both machines; `aiida-hpaint setup check CODE` compares them"
_HOST = "look at the host: sites may overlap, or the potential may not support its elements"

_KNOWN = (
    (("No space left", "Errno 28", "isk quota", "Errno 122"), _DISK),
    (("results cannot be read", "could not be read"), f"{_DISK}: its results are incomplete"),
    (("CUDA out of memory", "MemoryError", "can't allocate", "ran out of memory"), _MEMORY),
    (
        (
            "within the walltime",
            "walltime of",
            "take longer than",
            "unfinished after",
            "not enough",
            "ran out of walltime",
            "no step fits",
        ),
        _WALLTIME,
    ),
    (
        ("could not be started",),
        "check the code where the job runs: `aiida-hpaint setup check CODE`, `verdi code test`",
    ),
    (
        ("is not a Python",),
        "ask for more memory or walltime (options), or smaller chunk_sites; where no job has ever "
        "had a result, check the code: `aiida-hpaint setup check CODE`",
    ),
    (
        ("out of memory or time",),
        "ask for more memory or walltime (options), or smaller chunk_sites; a host that fails "
        "on its own kills its job: leave it out",
    ),
    (("node failure",), "nothing is wrong with the hosts: submit them again"),
    (("install the same version",), _SAME),
    (("has the sha256",), "use the same file on both machines, or send it along (upload_model)"),
    (("sha256 of its card", "safetensors", "does not fit the network"), _MODEL),
    (("is of architecture",), "update aiida-hpaint where the job runs, or choose another model"),
    (("no model",), "fetch the model where the job runs, or send it along (upload_model)"),
    (("'cuda'",), "ask for a GPU (options), or set the device to auto"),
    (
        ("No module named", "cannot import", "needs the package"),
        "install what is missing there: `aiida-hpaint setup check CODE` lists it",
    ),
    (("no chemistry", "implausibly", "bonding cannot", "NaN", "collapsed", "no position"), _HOST),
    (("no volume",), "correct the cell of the host"),
    (
        ("a user killed it", "killed"),
        "it was killed by hand: submit it again if that was a mistake",
    ),
    (("never started", "stopped"), "it was stopped: submit it again"),
)

_OTHERWISE = "fix what the message names, then submit it again"


def give_advice(reason: str) -> str:
    """Return what to do about a job or a host that failed for a reason."""
    for parts, advice in _KNOWN:
        if any(part in reason for part in parts):
            return advice
    return _OTHERWISE
