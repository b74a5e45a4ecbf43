"""The order in which a sampler visits the noise levels."""

from __future__ import annotations

import itertools

from aiida_hpaint.science.settings import SamplingSettings


def visits(steps: int, resamplings: int = 1, jump: int = 1) -> list[int]:
    """Indices of the noise levels in the order of their visits: 0 is the first, `steps` is clean.

    With one sampling, straight down. With more, as in RePaint (Lugmayr et al., arXiv:2201.09865,
    algorithm 1 and appendix B): every `jump` levels the sample goes `jump` levels back up and is
    drawn again, until each stretch was drawn `resamplings` times. 200 levels, 3 samplings and
    jumps of 10 make 961 visits, hence 580 evaluations of the network.

    Parameters
    ----------
    steps
        Number of noise levels.
    resamplings
        How often each stretch is drawn.
    jump
        Number of levels of a stretch.
    """
    left = dict.fromkeys(range(0, steps - jump, jump), resamplings - 1)
    path = []
    height = steps
    while height >= 1:
        height -= 1
        path.append(height)
        if left.get(height, 0) > 0:
            left[height] -= 1
            path.extend(range(height + 1, height + jump + 1))
            height += jump
    return [steps - 1 - height for height in path] + [steps]


def path_of(settings: SamplingSettings) -> list[int]:
    """The `visits` that settings stand for; their `way` and `steps` are set."""
    assert settings.steps is not None
    again = settings.resamplings if settings.way == "repaint" else 1
    return visits(settings.steps, again, settings.jump)


def evaluations(path: list[int], corrector_steps: int) -> int:
    """Evaluations of the network that a path over the noise levels takes."""
    falls = sum(there > here for here, there in itertools.pairwise(path))
    return falls * (1 + corrector_steps)
