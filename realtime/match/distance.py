"""`Judge`: how far sounds are from a target, by their mel spectrograms in several resolutions.

Levels are compared after each sound was brought to the same mean power: loudness is a matter of
the fader. A candidate that is silent is as far away as can be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SCALES = ((512, 32), (2048, 80))  # samples of a window, bands
FLOOR_DB = -70.0  # below the loudest band of the target: what lies lower is not heard
LOWEST_HZ = 30.0


class Judge:
    """Measures the distance from one target.

    Args:
        target: `[samples]`.
        sample_rate: Hz, of target and candidates.
    """

    def __init__(self, target: Array, sample_rate: int) -> None:
        self._rate = sample_rate
        self._filters = [mel_filters(size, bands, sample_rate) for size, bands in SCALES]
        self._samples = len(target)
        self._peaks: list[float] = []
        self._wanted = self._features(target[None])

    def distances(self, candidates: Array) -> NDArray[np.float64]:
        """The distance of each candidate, dB: mean difference of the levels in all bands.

        Args:
            candidates: `[k, samples]`; shorter ones are followed by silence, longer ones cut.
        """
        made = np.zeros((len(candidates), self._samples), np.float32)
        given = candidates[:, : self._samples]
        made[:, : given.shape[1]] = given
        found = self._features(made)
        parts = [np.abs(f - w).mean((1, 2)) for f, w in zip(found, self._wanted, strict=True)]
        total: NDArray[np.float64] = np.mean(parts, 0)
        return total

    def _features(self, audio: Array) -> list[NDArray[np.float32]]:
        """Levels in dB, `[k, frames, bands]` for each scale; those of the target come first."""
        power = np.sqrt(np.square(audio).mean(1, keepdims=True))
        level = audio / np.maximum(power, 1e-9)
        made: list[NDArray[np.float32]] = []
        first = not self._peaks
        for (size, _), filters in zip(SCALES, self._filters, strict=True):
            bands = np.stack([_spectrogram(row, size) @ filters for row in level])
            if first:
                self._peaks.append(float(bands.max()))
            floor = max(self._peaks[len(made)], 1e-20) * 10 ** (FLOOR_DB / 10)
            made.append((10 * np.log10(np.maximum(bands, floor))).astype(np.float32))
        return made


def mel_filters(size: int, bands: int, sample_rate: int) -> Array:
    """Triangles of equal height on the mel scale (O'Shaughnessy 1987), `[size / 2 + 1, bands]`.

    Args:
        size: of the transform, samples.
        bands: how many.
        sample_rate: Hz.
    """

    def mel(hz: float) -> float:
        return 2595 * float(np.log10(1 + hz / 700))

    ends = np.linspace(mel(LOWEST_HZ), mel(sample_rate / 2), bands + 2)
    hz = 700 * (10 ** (ends / 2595) - 1)
    # A band narrower than the transform can tell apart gets as wide as that.
    width = sample_rate / size
    low, middle, high = hz[:-2], hz[1:-1], hz[2:]
    low, high = np.minimum(low, middle - width), np.maximum(high, middle + width)
    at = np.arange(size // 2 + 1)[:, None] * width
    rise, fall = (at - low) / (middle - low), (high - at) / (high - middle)
    return np.maximum(0, np.minimum(rise, fall)).astype(np.float32)


def _spectrogram(audio: Array, size: int) -> NDArray[np.float32]:
    """Power of `[samples]` in frames that overlap by half, `[frames, size / 2 + 1]`."""
    hop = size // 2
    padded = np.pad(audio, (hop, hop + (-len(audio)) % hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size).astype(np.float32)
    return np.square(np.abs(np.fft.rfft(frames * window))).astype(np.float32)
