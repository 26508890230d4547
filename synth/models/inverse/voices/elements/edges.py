"""Square and saw whose edges are as steep as the sample rate carries.

An edge is a polynomial of the sine of the phase, stretched over a width and cut off at ±1, where
it has become flat. Its slope is `(1 - x²)⁴ (1 - 4.8 x²)`: the negative lobes keep the harmonics
level up to half of what fits below half the sample rate, and what is left above that falls so fast
that no alias comes within 60 dB of the strongest partial. A cosine beside the square makes the saw.
"""

from __future__ import annotations

from numpy.polynomial import Polynomial
from torch import Tensor

_SLOPE = Polynomial([1, 0, -1]) ** 4 * Polynomial([1, 0, -4.8])
_STEP = _SLOPE.integ() / _SLOPE.integ()(1)
COEFFICIENTS = tuple(float(c) for c in _STEP.coef[1::2])  # of x, x³ … x¹¹
CREST = 4.8**-0.5  # where the step is highest


def width(frequency: Tensor) -> Tensor:
    """The width of an edge, on the scale of the sine, at a frequency in turns per sample.

    The constants are fitted: the steepest edges whose aliases, the saw's too, stay 62 dB below the
    strongest partial. Near half the sample rate only the fundamental is left.
    """
    harmonics = 0.5 / frequency.clamp_min(1e-5)
    room = ((harmonics - 3) / 8).clamp(0, 1)
    return 1 / (harmonics * (0.083 + harmonics / 12_000) * room).clamp_min(0.02)


def fitting(shape: Tensor, frequency: Tensor) -> Tensor:
    """The share of the saw that fits: its second harmonic ends at half the sample rate."""
    return shape * (0.5 / frequency.clamp_min(1e-5) - 2).clamp(0, 1)


def crest(width_: Tensor) -> Tensor:
    """The highest value of `square` over a turn, at a width."""
    return square((1 / width_).clamp_max(CREST))


def square(x: Tensor) -> Tensor:
    """The square at the sine of its phase over the width of its edges, any shape."""
    x = x.clamp(-1, 1)
    power = x * x
    made = power * COEFFICIENTS[-1] + COEFFICIENTS[-2]
    for coefficient in COEFFICIENTS[-3::-1]:
        made = made * power + coefficient
    return made * x
