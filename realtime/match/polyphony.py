"""`is_polyphonic`: whether a sound is more than one note.

The partials of a note are multiples of one frequency. If none explains most of their power, neither
that of a partial nor a half or third of one, there are several notes, or one that isn't harmonic,
such as a bell's. Notes an octave or a twelfth apart are taken for one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 0.37
PADDED = 4  # times the window, so that a partial's place is known well
PARTIALS = 24  # the strongest that are looked at
APART = 8  # bins, at least, between two partials
DEPTH = 1e-3  # of the strongest one's power: -30 dB
TONAL = 0.6  # share of the power near partials; a sound with less is noise
NEAR = 12  # bins around a partial that belong to it: the lobe of the window
OFF = 0.012  # by which a partial may be off, of its frequency: 20 cents
DIVISORS = (1, 2, 3)
OWN = (1, 5, 7)  # orders of partials that notes an octave, fifth or fourth apart don't share
EXPLAINED = 0.8  # share of the partials' power


def is_polyphonic(audio: NDArray[np.float32], sample_rate: int) -> bool:
    """Judge the loudest part of a sound.

    Args:
        audio: `[samples]`; sample_rate: Hz.
    """
    window = min(round(WINDOW_S * sample_rate), len(audio))
    starts = range(0, len(audio) - window + 1, max(1, window // 4))
    loudest = max(starts, key=lambda at: float(np.square(audio[at : at + window]).sum()))
    piece = audio[loudest : loudest + window].astype(np.float64) * np.hanning(window)
    power = np.square(np.abs(np.fft.rfft(piece, PADDED * window)))
    places = _partials(power)
    near = places[:, None] + np.arange(-NEAR, NEAR + 1)
    share = power[np.unique(near.clip(0, len(power) - 1))].sum() / max(power.sum(), 1e-20)
    if not len(places) or share < TONAL:
        return False
    left, top, right = (np.log(power[places + i] + 1e-20) for i in (-1, 0, 1))
    shift = 0.5 * (right - left) / np.maximum(2 * top - left - right, 1e-9)
    return _explained(places + np.clip(shift, -1, 1), power[places]) < EXPLAINED


def _partials(power: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bins of the strongest maxima."""
    wide = np.lib.stride_tricks.sliding_window_view(power, 2 * APART + 1).max(1)
    inner = power[APART:-APART]
    places = np.flatnonzero((inner >= wide) & (inner > DEPTH * power.max()))
    return places[np.argsort(-inner[places])[:PARTIALS]] + APART


def _explained(frequencies: NDArray[np.float64], power: NDArray[np.float64]) -> float:
    """The largest share of power in multiples of one frequency."""
    bases = np.concatenate([frequencies / divisor for divisor in DIVISORS])[:, None]
    order = np.maximum(np.round(frequencies / bases), 1)
    fits = np.abs(frequencies - order * bases) < OFF * frequencies
    # What the notes of a fifth have in common is no note unless it has partials of its own.
    own = (fits & np.isin(order, OWN)).any(1, keepdims=True)
    fits &= own | (np.repeat(DIVISORS, len(frequencies))[:, None] == 1)
    # Far up, multiples of a low frequency are so dense that some fits by chance.
    fits &= bases > 2 * OFF * frequencies
    return float((fits * power).sum(1).max() / max(power.sum(), 1e-20))
