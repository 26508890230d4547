"""A shuffled order of any number of items without memory: a permutation that is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
ROUNDS = 6
# Odd constants of the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def shuffled(places: Indices, size: int, seed: int, epoch: int) -> Indices:
    """The numbers at some places of a shuffled sequence of 0 … size - 1.

    A Feistel network permutes the next even power of two; a result that is out of range is sent
    through it again until it is in range (Black and Rogaway 2002).

    Args:
        places: 0 … size - 1, of any shape.
        size: at least 1.
        seed, epoch: of the order; each epoch has its own.
    """
    half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
    keys = np.random.default_rng([seed, epoch, 2]).integers(0, 2**63, ROUNDS, dtype=np.uint64)
    values = _permuted(places.astype(np.uint64), half, keys)
    while (outside := values >= size).any():
        values[outside] = _permuted(values[outside], half, keys)
    return values.astype(np.int64)


def _permuted(
    values: NDArray[np.uint64], half: np.uint64, keys: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right, key) & mask)
    return (left << half) | right


def _mixed(values: NDArray[np.uint64], key: np.uint64) -> NDArray[np.uint64]:
    x = values + key  # meant to wrap around
    x = (x ^ (x >> np.uint64(30))) * _MIX[0]
    x = (x ^ (x >> np.uint64(27))) * _MIX[1]
    return np.asarray(x ^ (x >> np.uint64(31)), dtype=np.uint64)
