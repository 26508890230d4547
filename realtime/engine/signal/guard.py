"""The last stage before the device: its output is finite and bounded, and fades without clicks.

Every operation is a function of the sample and its index, so the result does not depend on how the
signal is cut into blocks.
"""

from __future__ import annotations

import math

import numpy as np

from realtime.engine.plugin import Array
from realtime.engine.signal.ramp import Ramp

KNEE = 0.7
CEILING = 10 ** (-1 / 20)  # -1 dBFS
FADE_S = 0.01
WATCH_S = 2.0
WATCH_RMS = 10 ** (-3 / 20)  # -3 dBFS
WATCH_GAIN = 0.1  # -20 dB


class Guard:
    """Gain, fades, a soft ceiling at -1 dBFS, a mute for blocks that are not finite, and a watchdog
    that lowers the gain by 20 dB after two seconds over -3 dBFS RMS.

    Args:
        sample_rate: Hz.

    Attributes:
        muted: blocks replaced by silence.
        limited: samples that met the ceiling.
        ducked: how often the watchdog lowered the gain.
        peak, rms: of the last block, linear.
    """

    def __init__(self, sample_rate: int) -> None:
        self.fade_samples = max(1, round(FADE_S * sample_rate))
        self._watch_samples = round(WATCH_S * sample_rate)
        self.muted = self.limited = self.ducked = 0
        self.peak = self.rms = 0.0
        self._gain = Ramp(self.fade_samples)
        self._gain.restart()
        self._wanted = 1.0
        self._duck = 1.0
        self._loud = 0.0
        self._watched = 0

    def set_gain(self, gain: float) -> None:
        """Glide to a linear gain in 10 ms."""
        self._wanted = gain
        self._gain.go(gain * self._duck)

    def fade_out(self) -> None:
        """Glide to silence in 10 ms."""
        self._gain.go(0.0)

    def process(self, block: Array) -> Array:
        """Make the next `[channels, n]` safe; returns a new block of at most -1 dBFS."""
        count = block.shape[1]
        if not np.isfinite(block).all():
            self.muted += 1
            self._gain.restart()
            self.peak = self.rms = 0.0
            return np.zeros_like(block)
        block = self._gain.process(block)
        self.peak = float(np.abs(block).max(initial=0.0))
        if self.peak > KNEE:
            block = self._ceiling(block)
        power = float(np.vdot(block, block)) / max(block.shape[0], 1)
        self.rms = math.sqrt(power / max(count, 1))
        self._watch(power, count)
        return block

    def _ceiling(self, block: Array) -> Array:
        size = np.abs(block)
        over = size > KNEE
        self.limited += int(over.sum())
        room = CEILING - KNEE
        soft = KNEE + room * np.tanh((size - KNEE) / room)
        return np.where(over, np.copysign(soft, block), block).astype(np.float32)

    def _watch(self, power: float, count: int) -> None:
        self._loud += power
        self._watched += count
        if self._watched < self._watch_samples:
            return
        if self._loud / self._watched > WATCH_RMS**2 and self._duck == 1.0:
            self._duck = WATCH_GAIN
            self.ducked += 1
            self._gain.go(self._wanted * self._duck)
        self._loud, self._watched = 0.0, 0

    @property
    def samples_to_watch(self) -> int:
        """Samples until the watchdog's next look; blocks are cut there, so that it acts on time."""
        return self._watch_samples - self._watched
