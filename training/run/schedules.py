"""Learning rates over a run."""

from __future__ import annotations

import math


def half_cosine(step: int, steps: int, last: float) -> float:
    """Share of the highest rate: 1 at step 0, `last` at the last one of `steps` and after it."""
    done = min(1.0, step / max(1, steps - 1))
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * done))
