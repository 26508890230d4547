"""The frame that the windows make: its bounds, its reach and its dual windows.

No window is wider than its band has coefficients (the painless case), so the frame operator
multiplies every bin of the spectrum by a number: the sum of the squared windows that see it. Its
smallest and largest value are the frame bounds, and its inverse is a division.

Source: Balazs et al. 2011, Theory, implementation and applications of nonstationary Gabor frames,
section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.dsp.nsgt.windows import Bands, Floats, Ints

FLOOR = 0.01  # of the sum of squared windows, whose peaks are 1: less is out of reach


@dataclass(frozen=True)
class Frame:
    """What an inverse needs to know.

    Attributes:
        duals: weights of the entries for the least-squares inverse, 0 where it is out of reach.
        reached: of the bins of the half spectrum, those that come back.
        bounds: the least and the greatest energy of the coefficients of a signal within reach,
            over the energy of the signal.
    """

    duals: Floats
    reached: NDArray[np.bool_]
    bounds: tuple[float, float]


def make_frame(bands: Bands, sizes: Ints) -> Frame:
    """The frame of some windows.

    Bins that hardly any window sees (`FLOOR`) are given up: there the inverse would amplify every
    inconsistency of changed coefficients without bound.

    Args:
        bands: the windows.
        sizes: coefficients of each band, at least as many as its window is wide.
    """
    entries, length = bands.entries, bands.length
    bins = length // 2 + 1
    energy = np.bincount(entries.bin, sizes[entries.band] * entries.weight**2, bins)
    seen = np.bincount(entries.bin, entries.window**2, bins)
    reached = seen >= FLOOR
    inverse = np.where(reached, 1.0, 0.0) / np.where(reached, energy, 1.0)
    # Parseval: a bin stands for two in the whole spectrum, except those of 0 Hz and Nyquist.
    alone = np.isin(2 * np.arange(bins), (0, length))
    ratio = (energy * np.where(alone, length, length / 2))[reached]
    bounds = (float(ratio.min()), float(ratio.max())) if reached.any() else (0.0, 0.0)
    return Frame(entries.weight * inverse[entries.bin], reached, bounds)


def quick_size(least: int, multiple: int = 1) -> int:
    """The smallest multiple of `multiple` that is at least `least` and that an FFT takes quickly.

    >>> quick_size(783)
    784
    """
    size = -(-max(least, 1) // multiple) * multiple
    while not _smooth(size // multiple):
        size += multiple
    return size


def shared_size(least: int) -> int:
    """A quick size that many bands share: at most a quarter larger, 4 … 7 times a power of 2.

    >>> [shared_size(least) for least in (5, 9, 100, 783)]
    [5, 10, 112, 896]
    """
    step = 1 << max((max(least, 1) - 1).bit_length() - 3, 0)
    return -(-max(least, 1) // step) * step


def _smooth(number: int) -> bool:
    for factor in (2, 3, 5, 7):
        while number % factor == 0:
            number //= factor
    return number == 1
