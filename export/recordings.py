"""Recordings as a model takes them."""

from __future__ import annotations

import numpy as np

from synth.contract.audio import Audio


def to_channels(audio: Audio, channels: int) -> Audio:
    """`[c, n]` to `[channels, n]`: mixed down to mono, or mono copied, or the first ones."""
    if channels == 1:
        mixed: Audio = audio.mean(0, keepdims=True)
        return mixed
    return audio[:channels] if len(audio) >= channels else np.repeat(audio[:1], channels, 0)
