"""Recordings as a model takes them: read, mixed to its channels, brought to its rate.

One rule for the whole project: channels first, rate second. Another number of channels goes by way
of the mean of all channels; rates are changed by soxr at its highest quality ("VHQ", 28 bits),
which is linear in phase and adds no delay.
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
    """Audio with another number of channels: the mean of all, once for each channel wanted.

    Args:
        audio: float32 `[c, frames]`, c >= 1.
        channels: wanted, at least 1; audio that has as many comes back untouched.

    Returns:
        Float32 `[channels, frames]`.
    """
    if audio.shape[0] == channels:
        return audio
    mean: Audio = audio.mean(axis=0, keepdims=True)
    return np.repeat(mean, channels, axis=0)


def resampled(audio: Audio, rate: int, sample_rate: int) -> Audio:
    """Audio at another sample rate, band-limited.

    Args:
        audio: float32 `[channels, frames]` or `[frames]`.
        rate: Hz, that it has; sample_rate: Hz, that is wanted. Where they are equal, `audio` comes
            back untouched.

    Returns:
        Float32, of the same number of dimensions, contiguous.
    """
    if rate == sample_rate:
        return audio
    # soxr takes frames first; transposing an array of one dimension changes nothing.
    made = soxr.resample(audio.T, rate, sample_rate, quality="VHQ").T
    return np.ascontiguousarray(made, dtype=np.float32)
