"""Curves of faders: from a position, 0 … 1, to a value between two ends, and back.

All functions take numbers as well as arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CURVES = ("linear", "exponential", "power", "symmetric", "integer", "toggle")
WHOLE = ("integer", "toggle")  # curves of whole numbers
BENT = ("power", "symmetric")  # curves with an exponent
LEAST_EXPONENT, MOST_EXPONENT = 1e-3, 1e3


def value_at(curve: str, exponent: float, low: Any, high: Any, position: Any) -> Any:
    """The value at a position.

    Args:
        curve: one of `CURVES`; those of whole numbers are straight here.
        exponent: of a bent curve.
        low, high: the values at positions 0 and 1; above 0 for an exponential curve.
        position: 0 … 1.
    """
    if curve == "exponential":
        return low * (high / low) ** position
    return low + (high - low) * _share_at(curve, exponent, position)


def position_of(curve: str, exponent: float, low: Any, high: Any, value: Any) -> Any:
    """The position of a value: inverse of `value_at`.

    Args:
        curve, exponent, low, high: as of `value_at`.
        value: from low to high.
    """
    if curve == "exponential":
        return np.log(value / low) / np.log(high / low)
    share = (value - low) / (high - low)
    if curve == "power":
        return share ** (1 / exponent)
    if curve == "symmetric":
        way = 2 * share - 1
        return (1 + np.copysign(abs(way) ** (1 / exponent), way)) / 2
    return share


def _share_at(curve: str, exponent: float, position: Any) -> Any:
    if curve == "power":
        return position**exponent
    if curve == "symmetric":
        way = 2 * position - 1
        return (1 + np.copysign(abs(way) ** exponent, way)) / 2
    return position
