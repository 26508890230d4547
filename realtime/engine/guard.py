"""The last stage before the device: what leaves is finite, bounded, and fades instead of clicking.

Every operation is a function of the sample and its index, so the result does not depend on how the
signal is cut into blocks.
"""

from __future__ import annotations

import math

import numpy as np

from realtime.engine.plugin import Array

KNEE = 0.7
CEILING = 10 ** (-1 / 20)  # -1 dBFS
FADE_S = 0.01
WATCH_S = 2.0
WATCH_RMS = 10 ** (-3 / 20)  # -3 dBFS
WATCH_GAIN = 0.1  # -20 dB


class Guard:
    """Gain, fades, soft ceiling at -1 dBFS, mute of what is not finite, loudness watchdog.

    Args:
        sample_rate: Hz.

    Attributes:
        muted: blocks replaced by silence; limited: samples that met the ceiling; ducked: times that
            two seconds over -3 dBFS RMS led to 20 dB less.
        peak, rms: of the last block, linear.
    """

    def __init__(self, sample_rate: int) -> None:
        self.fade_samples = max(1, round(FADE_S * sample_rate))
        self._watch_samples = round(WATCH_S * sample_rate)
        self.muted = self.limited = self.ducked = 0
        self.peak = self.rms = 0.0
        self._from = 0.0  # gain at the start of the current ramp
        self._to = 1.0
        self._at = 0  # samples since the ramp began
        self._wanted = 1.0
        self._duck = 1.0
        self._loud = 0.0
        self._watched = 0

    def set_gain(self, gain: float) -> None:
        """Glide to a linear gain in 10 ms."""
        self._wanted = gain
        self._ramp_to(gain * self._duck)

    def fade_out(self) -> None:
        """Glide to silence in 10 ms."""
        self._ramp_to(0.0)

    def _ramp_to(self, gain: float) -> None:
        self._from, self._to, self._at = self._gain_now(), gain, 0

    def _gain_now(self) -> float:
        share = min(self._at / self.fade_samples, 1.0)
        return self._from + (self._to - self._from) * share

    def process(self, block: Array) -> Array:
        """`[channels, n]` in, a new block of the same shape out, |sample| <= -1 dBFS."""
        count = block.shape[1]
        if not np.isfinite(block).all():
            self.muted += 1
            self._from, self._at = 0.0, 0
            self.peak = self.rms = 0.0
            return np.zeros_like(block)
        if self._at < self.fade_samples:
            ramp = np.minimum((self._at + np.arange(count)) / self.fade_samples, 1.0)
            gain = (self._from + (self._to - self._from) * ramp).astype(np.float32)
            block = block * gain
            self._at += count
        elif self._to != 1.0:
            block = block * np.float32(self._to)
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
            self._ramp_to(self._wanted * self._duck)
        self._loud, self._watched = 0.0, 0

    @property
    def samples_to_watch(self) -> int:
        """Samples until the watchdog looks next; blocks are cut there, so that it acts on time."""
        return self._watch_samples - self._watched
