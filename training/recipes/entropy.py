"""Entropy of a stream of codes given its neighbours: the figure that a model has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synth.contract import DataError

Codes = NDArray[np.integer]


def entropy_bits(codes: Codes, levels: int, order: int = 0) -> float:
    """Entropy of a code given the `order` codes before it, in bits per sample.

    It is taken from the counts (Shannon 1948, section 7): H(code | context) = H(context, code) -
    H(context). If there are few counts for each context it is too low, by about (cells - contexts)
    / (2 ln 2 · samples): 256 levels at order 1 need a million samples for 0.05 bits.

    Args:
        codes: `[samples]`, each 0 … levels-1; at least order + 1.
        levels: of a code; levels^(order + 1) cells are counted.
        order: 0 (codes alone) or 1 (given the last one).

    Raises:
        DataError: fewer codes than one context needs, or a code out of its range.
    """
    codes = np.asarray(codes, np.int64)
    if len(codes) <= order:
        raise DataError(f"{len(codes)} codes; an entropy of order {order} needs {order + 1}")
    if codes.min() < 0 or codes.max() >= levels:
        raise DataError(f"codes reach {codes.min()} … {codes.max()}; 0 … {levels - 1} is allowed")
    if order == 0:
        return _bits(np.bincount(codes))
    pairs = np.bincount(codes[:-1] * levels + codes[1:], minlength=levels * levels)
    return _bits(pairs) - _bits(pairs.reshape(levels, levels).sum(1))


def _bits(counts: NDArray[np.int64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum() + 0.0)  # + 0.0: a certain code has 0, not -0
