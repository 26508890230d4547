"""`InputRing`: the last seconds of live input, for those who ask afterwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SPARE_S = 1.0  # room for what comes in while somebody reads


class InputRing:
    """Keeps the last seconds of what comes in, mixed to one channel.

    One thread writes, any other reads; neither waits.

    Args:
        sample_rate: Hz.
        seconds: kept, once as much has come.
    """

    def __init__(self, sample_rate: int, seconds: float) -> None:
        self.sample_rate = sample_rate
        self._kept = round(seconds * sample_rate)
        self._ring = np.zeros(self._kept + round(SPARE_S * sample_rate), np.float32)
        self._written = 0

    def put(self, audio: Array) -> None:
        """Keep the next `[channels, frames]`."""
        size, frames = len(self._ring), audio.shape[1]
        mixed = audio[:, -size:].mean(0)
        at = (self._written + frames - len(mixed)) % size
        head = min(len(mixed), size - at)
        self._ring[at : at + head] = mixed[:head]
        self._ring[: len(mixed) - head] = mixed[head:]
        self._written += frames

    def latest(self, seconds: float) -> Array:
        """A copy of the last seconds, `[1, frames]`, the newest frame last.

        Args:
            seconds: how many; fewer if less has come or is kept.
        """
        written, size = self._written, len(self._ring)
        count = min(round(seconds * self.sample_rate), self._kept, written)
        at = (written - count) % size
        head = min(count, size - at)
        return np.concatenate((self._ring[at : at + head], self._ring[: count - head]))[None]
