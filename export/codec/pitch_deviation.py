"""The deviation of a recording from the pitch that its name says."""

from __future__ import annotations

import math

import numpy as np

from synth.contract.audio import Audio

REACH_CENTS = 60.0
CLARITY = 0.6  # of the autocorrelation, under which there is no one pitch
SECONDS = 1.2
START_S = 0.15  # behind the attack
PERIODS = 8  # of the lag: a lag of several periods shows the period more exactly


def measure_cents(audio: Audio, sample_rate: int, key: float) -> float | None:
    """Cents by which a recording is sharp (+) or flat (-) of MIDI key `key`.

    The autocorrelation's peak near the lag of eight periods, placed by a parabola. Recordings more
    than 60 cents off, or without a clear pitch, give None.

    Args:
        audio: `[channels, frames]`.
        sample_rate: Hz.
        key: MIDI key, 69 being 440 Hz; need not be whole.
    """
    period = sample_rate / (440.0 * 2 ** ((key - 69) / 12))
    start = min(round(START_S * sample_rate), audio.shape[1] // 4)
    part = audio[:, start : start + round(SECONDS * sample_rate)].mean(axis=0, dtype=np.float64)
    lag = PERIODS * period
    reach = lag * (2 ** (REACH_CENTS / 1200) - 1)
    low, high = math.floor(lag - reach) - 1, math.ceil(lag + reach) + 1
    if low < 2 or len(part) < 3 * high:
        return None
    clarity = _correlation(part, low, high)
    best = int(clarity.argmax())
    if not 0 < best < len(clarity) - 1 or clarity[best] < CLARITY:
        return None
    before, at, after = clarity[best - 1 : best + 2]
    offset = 0.5 * (before - after) / (before - 2 * at + after)
    cents = 1200 * math.log2(lag / (low + best + offset))
    return cents if abs(cents) <= REACH_CENTS else None


def _correlation(signal: np.ndarray, low: int, high: int) -> np.ndarray:
    """Normalised correlation of a signal with itself for lags low … high, each -1 … 1."""
    count = len(signal) - high
    head = signal[:count]
    energy = np.concatenate([[0.0], np.cumsum(signal**2)])
    lags = np.arange(low, high + 1)
    products = np.correlate(signal[low : high + count], head, "valid")
    power = (energy[lags + count] - energy[lags]) * (energy[count] - energy[0])
    clarity: np.ndarray = products / np.sqrt(np.maximum(power, 1e-20))
    return clarity
