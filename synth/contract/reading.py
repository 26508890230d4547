"""Reads recordings for a model: mixed to its channels and resampled to its rate.

One rule for the whole project: channels first, rate second. If the number of channels changes, each
becomes the mean of all; rates are changed by soxr at its highest quality ("VHQ", 28 bits), which is
linear in phase and adds no delay.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr

from synth.contract.audio import Audio, read_audio


def read_audio_as(path: str | Path, sample_rate: int, channels: int = 1) -> Audio:
    """Read a whole file at another rate and with another number of channels.

    Args:
        path: audio file.
        sample_rate: Hz, of the result.
        channels: of the result, at least 1.

    Returns:
        Float32 `[channels, frames]`; a file that is very short may leave no frame at a lower rate.

    Raises:
        DataError: as `read_audio`.
    """
    audio, rate = read_audio(path)
    return resampled(mixed(audio, channels), rate, sample_rate)


def mixed(audio: Audio, channels: int) -> Audio:
    """Change the number of channels: each new one is the mean of all.

    Args:
        audio: float32 `[c, frames]`, c >= 1.
        channels: of the result, at least 1; audio that has as many comes back untouched.

    Returns:
        Float32 `[channels, frames]`.
    """
    if audio.shape[0] == channels:
        return audio
    mean: Audio = audio.mean(axis=0, keepdims=True)
    return np.repeat(mean, channels, axis=0)


def resampled(audio: Audio, rate: int, sample_rate: int) -> Audio:
    """Change the sample rate, band-limited.

    Args:
        audio: float32 `[channels, frames]` or `[frames]`.
        rate: Hz, of `audio`.
        sample_rate: Hz, of the result; if it equals `rate`, `audio` comes back untouched.

    Returns:
        Float32, of the same number of dimensions, contiguous.
    """
    if rate == sample_rate:
        return audio
    # soxr takes frames first; transposing an array of one dimension changes nothing.
    made = soxr.resample(audio.T, rate, sample_rate, quality="VHQ").T
    return np.ascontiguousarray(made, dtype=np.float32)
