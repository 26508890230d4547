"""Pitch of one voice, by the period at which the sound repeats.

YIN (de Cheveigné & Kawahara 2002, J. Acoust. Soc. Am. 111:1917): the mean squared difference of a
piece of sound and the same piece a lag later, divided by its mean over all shorter lags; the first
dip that is nearly as deep as the deepest one is the period, refined by a parabola. Differences are
taken over all pairs within a window, so that each lag is measured round the same middle.

The sound is first limited to 5 kHz, where pitch is heard, and then sampled at 40 kHz: eight points
to the fastest partial keep the parabola within a cent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from synth.dsp.frames import Audio, Floats, frame_centres, windows_at

LOW_HZ, HIGH_HZ = 50.0, 2000.0
WINDOW_MS = 40.0  # two periods of the lowest pitch
# A dip may be three times as shallow as the deepest one and 0.01 more. With the paper's 0.1 for all
# a tone of strong even partials is taken for its octave.
RATIO, DIP = 3.0, 0.01
VOICED = 0.3  # aperiodicity from which a sound has no pitch; white noise is near 0.7
FLOOR = 1e-4  # RMS (-80 dBFS) of the noise that silence counts as
_BAND_RATE, _RATE = 10_000, 40_000
_LENGTH = round(_RATE * WINDOW_MS / 1000)
_LAGS = round(_RATE / LOW_HZ)
_SHORTEST = 4  # samples: 10 kHz, above all that passes the filter
_CHUNK = 512  # windows at a time, 20 MB


class Pitch(NamedTuple):
    """Pitch and confidence at each moment.

    Attributes:
        hz: float64 `[frames]`; 0 where unvoiced.
        confidence: float64 `[frames]`, 0 … 1: the share of the power that repeats with the period.
    """

    hz: Floats
    confidence: Floats

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """Whether there is a pitch, bool `[frames]`."""
        return self.hz > 0


def pitch_track(audio: Audio, sample_rate: int, hop: int) -> Pitch:
    """Pitch in the middle of each frame of `hop` samples.

    Pitches of 50 … 2000 Hz are found; sounds outside that range are unvoiced, as noise and silence
    are. A value looks 20 ms back and 20 ms ahead.

    Args:
        audio: `[samples]`, -1 … 1.
        sample_rate: Hz, 8000 on.
        hop: samples, 1 on.
    """
    return pitch_at(audio, sample_rate, frame_centres(len(audio), hop))


def pitch_at(audio: Audio, sample_rate: int, centres: Floats) -> Pitch:
    """Pitch around given positions.

    Args:
        audio: `[samples]`, -1 … 1.
        sample_rate: Hz, 8000 on.
        centres: positions in samples.
    """
    narrow = soxr.resample(np.asarray(audio, np.float32), sample_rate, _BAND_RATE, quality="HQ")
    dense = soxr.resample(narrow, _BAND_RATE, _RATE, quality="HQ")
    moments = centres * (_RATE / sample_rate)
    hz, confidence = np.zeros(len(centres)), np.zeros(len(centres))
    for start in range(0, len(centres), _CHUNK):
        part = slice(start, start + _CHUNK)
        period, aperiodicity = yin(windows_at(dense, moments[part], _LENGTH))
        found = _RATE / period
        voiced = (aperiodicity < VOICED) & (found > LOW_HZ * 0.99) & (found < HIGH_HZ * 1.01)
        hz[part] = np.where(voiced, found, 0.0)
        confidence[part] = np.clip(1.0 - aperiodicity, 0.0, 1.0)
    return Pitch(hz, confidence)


def yin(windows: Floats) -> tuple[Floats, Floats]:
    """Period in samples and aperiodicity (0 repeats exactly, about 1 is noise) of each window.

    Args:
        windows: `[count, 1600]` at 40 kHz.
    """
    difference = _differences(windows)
    lag = np.arange(1, difference.shape[1] + 1)
    depth = _dips(difference * lag / np.cumsum(difference, 1))
    deepest = depth.min(1, keepdims=True)
    column = np.argmax(depth <= deepest * RATIO + DIP, 1)
    aperiodicity = depth[np.arange(len(windows)), column]
    nothing = np.isinf(deepest[:, 0])  # falls or rises all the way
    return _refine(difference, column + 1) + 1.0, np.where(nothing, 1.0, aperiodicity)


def _dips(relative: Floats) -> Floats:
    """Depth of each dip, between the samples of the lag; infinite where there is none."""
    left, middle, right = relative[:, :-2], relative[:, 1:-1], relative[:, 2:]
    dips = (middle <= left) & (middle < right)
    dips[:, : _SHORTEST - 2] = False
    curvature = np.where(dips, left - 2.0 * middle + right, 1.0)
    return np.where(dips, np.maximum(middle - (left - right) ** 2 / (8 * curvature), 0.0), np.inf)


def _differences(windows: Floats) -> Floats:
    """Mean squared difference at lags 1 … 802, over the pairs that fit into the window."""
    length, count = windows.shape[1], _LAGS + 2
    centred = windows - windows.mean(1, keepdims=True)
    spectrum = np.fft.rfft(centred, 2 * length)
    product = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:, 1 : count + 1]
    energy = np.pad(np.cumsum(centred**2, 1), ((0, 0), (1, 0)))
    lag = np.arange(1, count + 1)
    both = energy[:, length - lag] + energy[:, -1:] - energy[:, lag]
    pairs = np.maximum(both - 2.0 * product, 0.0) / (length - lag)
    difference: Floats = pairs + 2.0 * FLOOR**2
    return difference


def _refine(difference: Floats, column: NDArray[np.intp]) -> Floats:
    """The bottom of the parabola through the dip and its neighbours, as a fraction of a column.

    Taken of the plain difference: the division by its mean would push the bottom to longer lags.
    """
    rows = np.arange(len(column))
    near = np.stack([difference[rows, column + step] for step in (-1, 0, 1)])
    lowest = np.clip(column + np.argmin(near, 0) - 1, 1, difference.shape[1] - 2)
    left, middle, right = (difference[rows, lowest + step] for step in (-1, 0, 1))
    curvature = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / np.where(curvature > 0, curvature, np.inf)
    bottom: Floats = lowest + np.clip(shift, -1.0, 1.0)
    return bottom
