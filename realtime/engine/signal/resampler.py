"""Sample-rate conversion between an instrument and the device, block by block, at low delay.

soxr's stream, the first choice, was measured to hold back 39 ms at 24 to 48 kHz (it filters in
large FFT blocks; only its cubic "QQ" is quick, and that lets images through). A windowed sinc of
48 taps delays by 24 input samples: 1 ms at 24 kHz.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from synth.contract import ConfigError

Array = NDArray[np.float32]

TAPS = 48
KAISER_BETA = 9.0  # side lobes about 90 dB down
MAX_PHASES = 4096


class StreamResampler:
    """Rational polyphase resampler with state; its output doesn't depend on the size of the blocks.

    After n samples in, exactly `ceil(n * rate_out / rate_in)` samples have come out.

    Args:
        rate_in, rate_out: Hz.
        channels: rows of the signal.

    Attributes:
        latency: seconds by which the output is late (a `Fraction`), half the filter.

    Raises:
        ConfigError: the ratio of the rates needs more than 4096 phases.
    """

    def __init__(self, rate_in: int, rate_out: int, channels: int) -> None:
        common = math.gcd(rate_in, rate_out)
        self.up, self.down = rate_out // common, rate_in // common
        # Going down, the filter is stretched so that it cuts at the new Nyquist frequency.
        stretch = max(1.0, rate_in / rate_out)
        self.taps = 2 * math.ceil(TAPS * stretch / 2)
        self.latency = Fraction(self.taps // 2, rate_in)
        self.table = _filters(self.up, self.taps, stretch)
        self.channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self.past = np.zeros((self.channels, self.taps - 1), np.float32)
        self.taken = 0  # input samples so far, modulo `down`
        self.given = 0  # output samples so far, modulo `up`, in step with `taken`

    def process(self, signal: Array) -> Array:
        """Resample the next `[channels, n]`; returns `[channels, m]`."""
        count = signal.shape[1]
        buffer = np.concatenate([self.past, signal], axis=1)
        self.past = buffer[:, count:]
        end = self.taken + count
        last = -(-end * self.up // self.down)  # outputs j with j * down / up < end
        outputs = np.arange(self.given, last)
        position = outputs * self.down
        whole = position // self.up - self.taken
        weights = self.table[position % self.up]
        windows = np.lib.stride_tricks.sliding_window_view(buffer, self.taps, axis=1)
        result: Array = np.einsum("cnt,nt->cn", windows[:, whole], weights)
        turns = min(end // self.down, last // self.up)
        self.taken, self.given = end - turns * self.down, last - turns * self.up
        return result


def _filters(phases: int, taps: int, stretch: float) -> Array:
    """Row p: weights of the last `taps` inputs for an output p/phases after the newest of them."""
    if phases > MAX_PHASES:
        raise ConfigError(
            f"the instrument can't play at this sample rate: the conversion needs {phases} phases,"
            f" and at most {MAX_PHASES} are possible; use a common rate, such as 44100 or 48000"
            " (--rate)"
        )
    half = taps // 2
    age = np.arange(taps - 1, -1, -1, dtype=np.float64) + np.arange(phases)[:, None] / phases
    distance = (age - half) / stretch
    inside = np.clip(1 - (distance * stretch / half) ** 2, 0, None)
    window = np.i0(KAISER_BETA * np.sqrt(inside)) / np.i0(KAISER_BETA)
    table = np.sinc(distance) * window
    normal: Array = (table / table.sum(1, keepdims=True)).astype(np.float32)
    return normal
