"""`DcBlock`: removes the constant part of a signal."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.engine.plugin import Array

DC_CUTOFF_HZ = 5.0
LONGEST = 4096  # r to the power of -4096 is still small
NOTHING = 1e-9  # -180 dBFS

Memory = NDArray[np.float64]


class DcBlock:
    """First-order high-pass at 5 Hz over blocks of one fixed size, in double precision.

    y[n] = x[n] - x[n-1] + r·y[n-1], unrolled over the block by powers of r. The result depends on
    how the signal is cut in its last digits: callers cut it at hops, never at blocks of the device.

    Args:
        channels: rows of the signal; size: samples of a block, at most; sample_rate: Hz.
    """

    def __init__(self, channels: int, size: int, sample_rate: int) -> None:
        self._r = math.exp(-2 * math.pi * DC_CUTOFF_HZ / sample_rate)
        self._step = min(size, LONGEST)
        self._up = self._r ** np.arange(1, self._step + 1)
        self._down = 1 / self._up
        self._last_in = np.zeros((channels, 1))
        self._last_out = np.zeros((channels, 1))

    @property
    def at_rest(self) -> bool:
        """Whether silence comes out as long as silence goes in."""
        return not (self._last_in.any() or self._last_out.any())

    def process(self, block: Array) -> Array:
        """The next `[channels, n]`, in and out."""
        made, self._last_in, self._last_out = self._filtered(block, self._last_in, self._last_out)
        if np.abs(self._last_out).max() < NOTHING:  # it has died away
            self._last_out[:] = 0
        return made

    def add(self, block: Array) -> Array:
        """What `[channels, n]` adds to the last n samples of what came out, if it had been in them.

        The filter is linear: outputs add up, and so does what it remembers.
        """
        nothing = np.zeros_like(self._last_in)
        made, last_in, last_out = self._filtered(block, nothing, nothing)
        self._last_in = self._last_in + last_in
        self._last_out = self._last_out + last_out
        return made

    def reset(self) -> None:
        """Forget the past."""
        self._last_in = np.zeros_like(self._last_in)
        self._last_out = np.zeros_like(self._last_out)

    def _filtered(
        self, block: Array, last_in: Memory, last_out: Memory
    ) -> tuple[Array, Memory, Memory]:
        """The output, and the last sample in and out, `[channels, 1]`."""
        pieces = []
        for start in range(0, block.shape[1], self._step):
            x = block[:, start : start + self._step].astype(np.float64)
            change = x.copy()
            change[:, 1:] -= x[:, :-1]
            change[:, :1] -= last_in
            change *= self._down[: x.shape[1]]
            y = np.cumsum(change, axis=1)
            y += last_out
            y *= self._up[: x.shape[1]]
            last_in, last_out = x[:, -1:], y[:, -1:]
            pieces.append(y.astype(np.float32))
        made = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
        return made, last_in, last_out
