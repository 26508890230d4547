"""Learning rates over a run."""

from __future__ import annotations

import math


def half_cosine(step: int, steps: int, last: float) -> float:
    """Share of the highest learning rate, falling along half a cosine.

    Args:
        step: 0 is the first.
        steps: number of them; where it is 1 or less, the fall takes one step.
        last: share at the last step and after it, 0 … 1.

    >>> [half_cosine(step, 5, 0.0) for step in (0, 2, 4, 9)]
    [1.0, 0.5, 0.0, 0.0]
    """
    done = min(1.0, step / max(1, steps - 1))
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * done))
