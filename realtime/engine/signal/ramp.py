"""`Ramp`: a gain that glides to a new value, sample by sample."""

from __future__ import annotations

import numpy as np

from realtime.engine.plugin import Array


class Ramp:
    """A gain that moves in straight lines, all of one duration, however the signal is cut.

    Args:
        samples: duration of a glide, at least 1.
        value: linear gain at the start.

    Attributes:
        target: the gain that it moves to, or has reached.
    """

    def __init__(self, samples: int, value: float = 1.0) -> None:
        self.samples = samples
        self.target = self._from = value
        self._at = samples  # since the glide began

    def go(self, target: float) -> None:
        """Glide to a linear gain."""
        self._from, self.target, self._at = self.now, target, 0

    def restart(self) -> None:
        """Glide to the same target again, from silence."""
        self._from, self._at = 0.0, 0

    @property
    def now(self) -> float:
        """The gain of the next sample."""
        share = min(self._at / self.samples, 1.0)
        return self._from + (self.target - self._from) * share

    def process(self, block: Array) -> Array:
        """Apply the gain to the next `[channels, n]`; returns the block itself where it is 1."""
        if self._at >= self.samples:
            return block if self.target == 1.0 else block * np.float32(self.target)
        count = block.shape[1]
        share = np.minimum((self._at + np.arange(count)) / self.samples, 1.0)
        self._at += count
        gain = self._from + (self.target - self._from) * share
        return block * gain.astype(np.float32)
