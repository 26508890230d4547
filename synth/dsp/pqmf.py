"""Pseudo quadrature mirror filters: a sound as a few bands at a lower rate, and back.

A low-pass prototype, Kaiser's window around a sinc, is moved to the middle of each band by a cosine
(Nguyen 1994, Near-Perfect-Reconstruction Pseudo-QMF Banks). The phases of the cosines are counted
from the prototype's middle, `taps / 2`; counted from anywhere else neighbouring bands don't cancel
each other's aliases. The cutoff is the one that reconstructs white noise best, found by search.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from synth.contract import ConfigError, require_within

Floats = NDArray[np.float64]

TAPS, BETA = 62, 9.0
MOST_BANDS = TAPS // 2  # that so many taps can tell apart
SEARCH = (0.7, 1.5)  # of the ideal cutoff
HALVINGS = 32


@lru_cache(maxsize=16)
def pqmf_filters(bands: int, taps: int = TAPS) -> tuple[Floats, Floats]:
    """Impulse responses of the filters of analysis and synthesis, low bands first.

    With 62 taps white noise is reconstructed at 67 dB (2 bands), 65 (3), 64 (4) and 45 (8).

    Args:
        bands: 2 … 64.
        taps: length of the filters less 1, even, at least twice the bands.

    Returns:
        two of `[bands, taps + 1]`. The sound that comes back is late by `taps` samples, less those
        that an analysis at the end of a frame is ahead.

    Raises:
        ConfigError: a number is out of its range.
    """
    require_within("bands", bands, 2, 64)
    require_within("taps", taps, 2, 4096)
    if taps % 2 or taps < 2 * bands:
        raise ConfigError(
            f"{taps} taps for {bands} bands; an even number of at least {2 * bands} is needed"
        )

    def error(cutoff: float) -> float:
        return _error(*_modulated(cutoff, bands, taps))

    low, high = (factor / (2 * bands) for factor in SEARCH)
    # A coarse look first: the error has one deep valley, but isn't smooth everywhere.
    coarse = np.linspace(low, high, 33)
    best = int(np.argmin([error(c) for c in coarse]))
    low, high = coarse[max(best - 1, 0)], coarse[min(best + 1, 32)]
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(HALVINGS):
        one, two = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, two) if error(one) < error(two) else (one, high)
    return _modulated((low + high) / 2, bands, taps)


def reconstruction_snr(bands: int, taps: int = TAPS) -> float:
    """What analysis and synthesis leave of white noise, dB over their error.

    Args:
        bands, taps: as for `pqmf_filters`.
    """
    return -10 * math.log10(_error(*pqmf_filters(bands, taps)))


def _modulated(cutoff: float, bands: int, taps: int) -> tuple[Floats, Floats]:
    """Filters whose prototype ends at a cutoff, 1 being the Nyquist frequency."""
    n = np.arange(taps + 1) - taps / 2
    prototype = np.sinc(cutoff * n) * cutoff * np.kaiser(taps + 1, BETA)
    prototype /= prototype.sum()
    k = np.arange(bands)[:, None]
    angle = (2 * k + 1) * math.pi / (2 * bands) * n
    turn = (-1.0) ** k * math.pi / 4
    analysis = 2 * prototype * np.cos(angle + turn)
    synthesis = 2 * bands * prototype * np.cos(angle - turn)
    return analysis, synthesis


def _error(analysis: Floats, synthesis: Floats) -> float:
    """Power of the error over that of white noise: the mean over impulses at each place in a frame.

    The level counts as part of the error, as it does for whoever listens.
    """
    bands, length = analysis.shape
    total = 0.0
    for place in range(bands):
        # An impulse at sample `place` leaves every `bands`-th sample of each filter.
        made = np.zeros(2 * length + 2 * bands)
        for h, g in zip(analysis, synthesis, strict=True):
            for frame, value in enumerate(h[(-place) % bands :: bands]):
                start = (-place) % bands + place + frame * bands
                made[start : start + length] += value * g
        made[place + length - 1] -= 1
        total += float((made**2).sum())
    return float(total / bands)
