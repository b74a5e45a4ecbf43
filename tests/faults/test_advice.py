"""Every reason that faults leave behind has advice of its own."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("job 7: it ended without a result, killed or out of memory or time (exit status 310)", "mo"
         "re memory or walltime"),
        ("job 7: [Errno 28] No space left on device (exit status 326)", "free space"),
        ("job 7: its results cannot be read: EOFError: Ran out of input", "free space"),
        ("MemoryError: ", "max_memory"),
        ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "max_memory"),
        ("3 samples make no progress within the walltime of a job", "max_wallclock_seconds"),
        ("the samples of one host take longer than job 7 had", "max_wallclock_seconds"),
        ("some samples are unfinished after 20 jobs", "max_wallclock_seconds"),
        ("The job ran out of walltime. (exit status 120)", "max_wallclock_seconds"),
        ("job 7: aiida-hpaint 1.0 submitted this job, but its Python has 1.1: install the same"
         " version on both computers (exit status 326)", "install the same version"),
        ("model 'x' has the sha256 0f... where the job runs, and 0e... where", "upload_model"),
        ("x.safetensors does not have the sha256 of its card (0f...): fetch", "models fetch"),
        ("x.safetensors is not a readable safetensors file: header too large", "models fetch"),
        ("model 'x' is of architecture 'new'; this version supports dense", "update aiida-hpaint"),
        ("device 'cuda' was asked for, but torch sees no GPU: use 'auto'", "ask for a GPU"),
        ("No module named 'sevenn'", "setup check"),
        ("the potential returned NaN or infinity after 3 steps", "look at the host"),
        ("an implausibly large force after 0 steps", "look at the host"),
        ("killed", "killed by hand"),
        ("job 7: a user killed it", "killed by hand"),
        ("job 7: it ended without a result, or its program is not a Python", "setup check"),
        ("job 7: it ended without a result, its program could not be started: x", "setup check"),
        ("something new", "fix what the message names"),
    ],
)  # fmt: skip
def test_a_reason_has_advice(reason: str, words: str) -> None:
    from aiida_hpaint.cli.campaigns.advice import give_advice

    assert words in give_advice(reason)
