"""Features that steer a model: pitch, voicing, loudness, onset and brightness over time.

A value belongs to the middle of its frame and is measured over the 20 ms before and the 20 ms after
it, whatever the hop. A frame without a pitch (or, for the centroid, without a sound) keeps the last
value before it; frames before the first value take that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.contract import ConfigError, require_within
from synth.dsp.frames import Audio, Floats, by_chunks, frame_centres, windows_at
from synth.dsp.pitch import pitch_at

Values = NDArray[np.float32]

WINDOW_S = 0.040
FLOOR_DB = -80.0
RISE_S = 0.010  # onset: levels so long after the moment over those so long before
FULL_RISE_DB = 40.0
BANDS_PER_OCTAVE, LOWEST_BAND_HZ = 2, 60.0
MARGIN_S = 0.25  # of sound on both sides of a block: the windows, and the resampler's memory
BLOCK_S = 30.0


@dataclass(frozen=True)
class Range:
    """The values of a feature, in a control for it and in the results of `extract`."""

    minimum: float
    maximum: float
    default: float
    unit: str
    description: str


RANGES: dict[str, Range] = {
    "pitch": Range(31, 96, 60, "MIDI key", "pitch, 50 to 2000 Hz, with fractions of a key"),
    "voicing": Range(0, 1, 1, "", "how much of the sound repeats with the pitch; 0 has no pitch"),
    "loudness": Range(FLOOR_DB, 0, -20, "dBFS", "RMS level; a full-scale sine has -3 dB"),
    "onset": Range(0, 1, 0, "", "how suddenly sound begins; 1 rises 40 dB in all bands"),
    "centroid": Range(24, 136, 80, "MIDI key", "middle of the power spectrum: brightness"),
}
NAMES = tuple(RANGES)


def extract(audio: Audio, sample_rate: int, hop: int, names: Sequence[str] = NAMES) -> Values:
    """Features of each frame of `hop` samples.

    Args:
        audio: `[samples]`, -1 … 1; may be memory-mapped, 30 s are held at a time.
        sample_rate: Hz, 8000 … 192000.
        hop: samples, 1 on.
        names: some of `NAMES`, in any order.

    Returns:
        `[ceil(samples / hop), len(names)]`, within `RANGES`.

    Raises:
        ConfigError: an unknown name, or a rate or hop out of range.
    """
    require_within("sample_rate", sample_rate, 8_000, 192_000)
    require_within("hop", hop, 1, 2**24)
    for name in names:
        if name not in RANGES:
            raise ConfigError(f"feature {name!r} is unknown; known are {', '.join(NAMES)}")
    values = np.zeros((-(-len(audio) // hop), len(names)), np.float32)
    margin, frames = round(MARGIN_S * sample_rate), max(int(BLOCK_S * sample_rate) // hop, 1)
    for first in range(0, len(values), frames):
        count = min(frames, len(values) - first)
        start = max(first * hop - margin, 0)
        block = np.asarray(audio[start : (first + count) * hop + margin], np.float32)
        centres = frame_centres(count * hop, hop) + (first * hop - start)
        values[first : first + count] = _measure(block, sample_rate, hop, centres, names)
    for column, name in enumerate(names):
        held = _held(values[:, column], RANGES[name].default)
        values[:, column] = np.clip(held, RANGES[name].minimum, RANGES[name].maximum)
    return values


def _measure(
    audio: Audio, sample_rate: int, hop: int, centres: Floats, names: Sequence[str]
) -> Floats:
    """`[centres, names]`; NaN where a value has no meaning."""
    columns: dict[str, Floats] = {}
    if "pitch" in names or "voicing" in names:
        pitch = pitch_at(audio, sample_rate, centres)
        columns["voicing"] = np.where(pitch.voiced, pitch.confidence, 0.0)
        columns["pitch"] = _keys(np.where(pitch.voiced, pitch.hz, np.nan))
    if "loudness" in names:
        columns["loudness"] = loudness_db(audio, sample_rate, centres)
    if "onset" in names:
        columns["onset"] = onset_strength(audio, sample_rate, hop, centres)
    if "centroid" in names:
        columns["centroid"] = _keys(centroid_hz(audio, sample_rate, centres))
    return np.stack([columns[name] for name in names], 1) if names else np.zeros((len(centres), 0))


def loudness_db(audio: Audio, sample_rate: int, centres: Floats) -> Floats:
    """RMS level under a Hann window of 40 ms, in dB of full scale (not A-weighted), `[centres]`.

    Args:
        audio: `[samples]`, -1 … 1.
        sample_rate: Hz.
        centres: positions in samples.
    """
    length = round(WINDOW_S * sample_rate)
    window = np.hanning(length + 2)[1:-1]
    power = by_chunks(lambda part: windows_at(audio, part, length) ** 2 @ window, centres)
    return _decibel(power / window.sum())


def centroid_hz(audio: Audio, sample_rate: int, centres: Floats) -> Floats:
    """Mean frequency of the power spectrum over 40 ms, Hz; NaN where the sound is below -80 dBFS.

    Args:
        audio: `[samples]`, -1 … 1.
        sample_rate: Hz.
        centres: positions in samples.
    """
    length = round(WINDOW_S * sample_rate)
    frequency = np.fft.rfftfreq(length, 1 / sample_rate)

    def centroid(part: Floats) -> Floats:
        power = _spectrum(audio, part, length)
        total = power.sum(1)
        loud = 2 * total > 10 ** (FLOOR_DB / 10)
        hz: Floats = np.where(loud, power @ frequency / np.where(loud, total, 1.0), np.nan)
        return hz

    return by_chunks(centroid, centres)


def onset_strength(audio: Audio, sample_rate: int, hop: int, centres: Floats) -> Floats:
    """Spectral flux, 0 … 1: the mean rise of the level over bands of half an octave.

    Each rise is from 10 ms before to 10 ms after a moment, over 20 ms each. The moments of a frame
    are at most 10 ms apart and the largest rise counts, so a long hop misses none.

    Args:
        audio: `[samples]`, -1 … 1.
        sample_rate: Hz.
        hop: samples of a frame, at least 1.
        centres: positions of the frames' middles in samples.
    """
    steps = max(-(-hop // round(RISE_S * sample_rate)), 1)
    offsets = ((np.arange(steps) + 0.5) / steps - 0.5) * hop
    length = round(WINDOW_S * sample_rate / 2)
    shift = RISE_S * sample_rate
    bands = _bands(length, sample_rate)

    def rise(part: Floats) -> Floats:
        before, after = (
            _decibel(_spectrum(audio, part + side, length) @ bands) for side in (-shift, shift)
        )
        flux: Floats = np.maximum(after - before, 0.0).mean(1) / FULL_RISE_DB
        return flux

    moments = (centres[:, None] + offsets).reshape(-1)
    strength: Floats = by_chunks(rise, moments).reshape(len(centres), steps).max(1, initial=0.0)
    return strength


def _spectrum(audio: Audio, centres: Floats, length: int) -> Floats:
    """Power at each frequency under a Hann window; over all of them a sine has half its power."""
    window = np.hanning(length + 2)[1:-1]
    spectrum = np.fft.rfft(windows_at(audio, centres, length) * window)
    power: Floats = (spectrum.real**2 + spectrum.imag**2) / (length * (window**2).sum())
    return power


def _bands(length: int, sample_rate: int) -> Floats:
    """`[frequencies, bands]` of 0 and 1; no band is empty."""
    frequency = np.fft.rfftfreq(length, 1 / sample_rate)
    octaves = np.log2(np.maximum(frequency, LOWEST_BAND_HZ) / LOWEST_BAND_HZ)
    _, band = np.unique(np.floor(octaves * BANDS_PER_OCTAVE), return_inverse=True)
    return np.eye(int(band.max()) + 1)[band]


def _held(values: Values, default: float) -> Values:
    """Frames without a value take the last one before, the first ones the first there is."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return np.full_like(values, default)
    last = np.searchsorted(known, np.arange(len(values)), side="right") - 1
    return values[known[np.maximum(last, 0)]]


def _keys(hz: Floats) -> Floats:
    """Hz as MIDI keys, 69 being 440 Hz."""
    return 69.0 + 12.0 * np.log2(np.maximum(hz, 1.0) / 440.0)


def _decibel(power: Floats) -> Floats:
    return 10.0 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
