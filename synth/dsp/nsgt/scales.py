"""Scales of frequencies: where the bands of a transform lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.contract import ConfigError, require_one_of

Floats = NDArray[np.float64]

MOST_BANDS = 100_000


@dataclass(frozen=True)
class Scale:
    """The centre frequencies of the bands of a transform.

    Attributes:
        name: of the scale, a key of `SCALES`, or any other for frequencies of one's own.
        frequencies: Hz, ascending, `[bands]`, all above 0.

    Raises:
        ConfigError: no frequency, or one that isn't finite, above 0 and above the one before.
    """

    name: str
    frequencies: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.frequencies:
            raise ConfigError("a scale without frequencies; give at least one, in Hz")
        before = 0.0
        for band, frequency in enumerate(self.frequencies, 1):
            if not before < frequency < math.inf:
                raise ConfigError(
                    f"band {band} of the scale {self.name!r} lies at {frequency:g} Hz after"
                    f" {before:g} Hz; give frequencies that are above 0 and ascend"
                )
            before = frequency


def _octave(low: float, high: float, count: int) -> Floats:
    # What rounding adds to a whole number of octaves makes no band of its own.
    bands = math.ceil(math.log2(high / low) * count - 1e-9) + 1
    steps = np.arange(bands, dtype=np.float64)
    return low * np.exp2(steps / count)


def _logarithmic(low: float, high: float, count: int) -> Floats:
    return np.geomspace(low, high, count, dtype=np.float64)


def _linear(low: float, high: float, count: int) -> Floats:
    return np.linspace(low, high, count, dtype=np.float64)


def _mel(low: float, high: float, count: int) -> Floats:
    first, last = (2595 * math.log10(1 + f / 700) for f in (low, high))
    return 700 * (10 ** (_linear(first, last, count) / 2595) - 1)


def _erb(low: float, high: float, count: int) -> Floats:
    first, last = (21.4 * math.log10(1 + 0.00437 * f) for f in (low, high))
    return (10 ** (_linear(first, last, count) / 21.4) - 1) / 0.00437


# name -> (lowest, highest frequency in Hz, count) -> frequencies. The count is that of bands in an
# octave for "octave", and that of all bands for the others. "mel" follows O'Shaughnessy 1987, "erb"
# the rate of equivalent rectangular bandwidths of Glasberg and Moore 1990.
SCALES: dict[str, Callable[[float, float, int], Floats]] = {
    "octave": _octave,
    "log": _logarithmic,
    "linear": _linear,
    "mel": _mel,
    "erb": _erb,
}


def make_scale(name: str, minimum_hz: float, maximum_hz: float, count: int) -> Scale:
    """A scale of frequencies.

    Args:
        name: key of `SCALES`: "octave", "log", "linear", "mel" or "erb".
        minimum_hz: of the lowest band, above 0.
        maximum_hz: that of the highest band, or, on the scale "octave", reached by it.
        count: bands in an octave for "octave", else bands in all; at least 1 and 2.

    Raises:
        ConfigError: an unknown scale, or a range or count that holds no bands or too many.

    >>> len(make_scale("octave", 30, 11_000, 48).frequencies)
    410
    """
    require_one_of("scale", name, tuple(SCALES))
    if not 0 < minimum_hz < maximum_hz < math.inf:
        raise ConfigError(
            f"a scale from {minimum_hz:g} to {maximum_hz:g} Hz has no bands; give a lower end above"
            " 0 and a higher one above it"
        )
    octaves = math.log2(maximum_hz / minimum_hz) if name == "octave" else 1.0
    least, what = (1, "bands in an octave") if name == "octave" else (2, "bands")
    if count < least or count * octaves > MOST_BANDS:
        raise ConfigError(
            f"a scale of {count} {what} can't be made; give {least} …"
            f" {max(least, math.floor(MOST_BANDS / octaves))}"
        )
    found = SCALES[name](minimum_hz, maximum_hz, count)
    found[0] = minimum_hz  # as given, not as a logarithm and its inverse round it
    if name != "octave":
        found[-1] = maximum_hz
    return Scale(name, tuple(float(f) for f in found))
