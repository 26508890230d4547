"""Recordings as a model takes them."""

from __future__ import annotations

import numpy as np

from synth.contract.audio import Audio


def to_channels(audio: Audio, channels: int) -> Audio:
    """Audio with another number of channels.

    Args:
        audio: float32 `[c, frames]`.
        channels: wanted. One is the mean of all; of more, the first ones are kept, and where they
            are too few, the first one is repeated.

    Returns:
        float32 `[channels, frames]`.
    """
    if channels == 1:
        mixed: Audio = audio.mean(0, keepdims=True)
        return mixed
    return audio[:channels] if len(audio) >= channels else np.repeat(audio[:1], channels, 0)
