"""Noise in octaves: differences of smoother and smoother noise (the "à trous" pyramid).

Each step smooths with taps 1, 2, 1 that lie twice as far apart as in the step before (Holschneider
et al. 1989). What a step takes away is an octave; the rest, with the direct current, is left out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import Polynomial
from torch import Tensor

COUNT = 6
DISTANCES = tuple(2**i for i in range(COUNT))
PAST = 2 * sum(DISTANCES)  # samples before the first one that a band depends on


def _deviations() -> tuple[float, ...]:
    """Of the bands of noise whose own is 1."""
    smooth, found = Polynomial([1.0]), []
    for distance in DISTANCES:
        tap = Polynomial([*np.zeros(distance), 1.0])
        smoother = smooth * (1 + tap) ** 2 / 4
        found.append(math.sqrt(float(((smooth * tap - smoother).coef ** 2).sum())))
        smooth = smoother
    return tuple(found)


DEVIATIONS = _deviations()


def split(noise: Tensor) -> list[Tensor]:
    """Bands from the highest octave down, each `[batch, samples - PAST]`, of deviation 1.

    Args:
        noise: of deviation 1, `[batch, samples]`, the first `PAST` of which are the past.
    """
    found, left = [], PAST  # samples of the past that are not yet used up
    for distance, deviation in zip(DISTANCES, DEVIATIONS, strict=True):
        middle = noise[:, distance:-distance]
        smooth = (noise[:, : -2 * distance] + noise[:, 2 * distance :]) / 4 + middle / 2
        left -= 2 * distance
        found.append((middle - smooth)[:, left:] / deviation)
        noise = smooth
    return found
