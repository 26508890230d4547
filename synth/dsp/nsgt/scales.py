"""Scales of frequencies: where the bands of a transform lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.contract import ConfigError, require_one_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """The centre frequencies of the bands of a transform.

    Attributes:
        name: of the scale, a key of `SCALES`.
        frequencies: Hz, ascending, `[bands]`, all above 0.
    """

    name: str
    frequencies: tuple[float, ...]


def _octave(low: float, high: float, count: int) -> Floats:
    bands = int(np.ceil(np.log2(high / low) * count)) + 1
    return low * 2.0 ** (np.arange(bands) / count)


def _logarithmic(low: float, high: float, count: int) -> Floats:
    return np.geomspace(low, high, count)


def _linear(low: float, high: float, count: int) -> Floats:
    return np.linspace(low, high, count)


def _mel(low: float, high: float, count: int) -> Floats:
    mel = np.linspace(*(2595 * np.log10(1 + f / 700) for f in (low, high)), count)
    return 700 * (10 ** (mel / 2595) - 1)


def _erb(low: float, high: float, count: int) -> Floats:
    rate = np.linspace(*(21.4 * np.log10(1 + 0.00437 * f) for f in (low, high)), count)
    return (10 ** (rate / 21.4) - 1) / 0.00437


# name -> (lowest, highest frequency in Hz, count) -> frequencies. The count is that of bands in an
# octave for "octave", and that of all bands for the others.
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
        ConfigError: an unknown scale, or a range or count that holds no bands.

    >>> len(make_scale("octave", 30, 11_000, 48).frequencies)
    410
    """
    require_one_of("scale", name, tuple(SCALES))
    if not 0 < minimum_hz < maximum_hz:
        raise ConfigError(
            f"a scale from {minimum_hz:g} to {maximum_hz:g} Hz has no bands; give a lower end above"
            " 0 and a higher one above it"
        )
    if not (1 if name == "octave" else 2) <= count <= 100_000:
        raise ConfigError(f"a scale of {count} bands can't be made; give 2 … 100000")
    found = SCALES[name](minimum_hz, maximum_hz, count)
    return Scale(name, tuple(float(f) for f in found))
