"""`DcBlock`: removes the constant part of a signal."""

from __future__ import annotations

import math

import numpy as np

from realtime.engine.plugin import Array

DC_CUTOFF_HZ = 5.0
LONGEST = 4096  # samples; r to the power of -4096 is still a small number


class DcBlock:
    """First-order high-pass at 5 Hz, in double precision, the same however the signal is cut.

    y[n] = x[n] - x[n-1] + r·y[n-1], unrolled from an anchor by powers of r. Anchors are `size`
    samples apart; the samples since the last one are kept, so that every sum begins at an anchor
    and is rounded in the same way.

    Args:
        channels: rows of the signal.
        size: samples between two anchors, at least 1; at most 4096 are used.
        sample_rate: Hz.
    """

    def __init__(self, channels: int, size: int, sample_rate: int) -> None:
        self._r = math.exp(-2 * math.pi * DC_CUTOFF_HZ / sample_rate)
        self._size = min(size, LONGEST)
        self._up = self._r ** np.arange(1, self._size + 1)
        self._down = 1 / self._up
        self._cell = np.zeros((channels, 0), np.float32)  # since the last anchor
        self._last_in = np.zeros((channels, 1))
        self._last_out = np.zeros((channels, 1))
        self._end = self._last_out

    def process(self, block: Array) -> Array:
        """Filter the next `[channels, n]`; returns the same shape."""
        before = self._cell.shape[1]
        signal = np.concatenate([self._cell, block], axis=1) if before else block
        pieces = []
        while True:
            cell = signal[:, : self._size].astype(np.float64)
            pieces.append(self._filtered(cell))
            if cell.shape[1] < self._size:
                break
            self._last_in, self._last_out = cell[:, -1:], self._end
            signal = signal[:, self._size :]
        self._cell = signal
        made = np.concatenate(pieces, axis=1) if len(pieces) > 1 else pieces[0]
        return made[:, before:]

    def reset(self) -> None:
        """Forget the past."""
        self._cell = self._cell[:, :0]
        self._last_in = np.zeros_like(self._last_in)
        self._last_out = self._end = np.zeros_like(self._last_in)

    def _filtered(self, x: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Array:
        """The filter's output for all samples since the anchor."""
        count = x.shape[1]
        change = x.copy()
        change[:, 1:] -= x[:, :-1]
        change[:, :1] -= self._last_in[:, :count]
        change *= self._down[:count]
        y = np.cumsum(change, axis=1)
        y += self._last_out
        y *= self._up[:count]
        self._end = y[:, -1:]
        return y.astype(np.float32)
