"""`NullPort`: a clock in place of a device: it takes frames at the pace of one."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from realtime.device.driver import DEFAULT_BLOCK

Array = NDArray[np.float32]

DEFAULT_RATE = 48_000


class NullPort:
    """A `realtime.device.driver.Port` that takes a period whenever the clock says so.

    Its input is silence.

    Args:
        sample_rate: Hz.
        channels, channels_in: of output and input.
        period: frames taken at once.
        clock: returns seconds, monotonic.
        listener: gets the frames of each cycle, `[n, channels]`; n is the period, in a gap less.
    """

    latency = 0

    def __init__(
        self,
        sample_rate: int = DEFAULT_RATE,
        channels: int = 2,
        channels_in: int = 0,
        period: int = DEFAULT_BLOCK,
        clock: Callable[[], float] = time.perf_counter,
        listener: Callable[[Array], None] | None = None,
    ) -> None:
        self.sample_rate, self.channels, self.channels_in = sample_rate, channels, channels_in
        self.period = period
        self._clock, self._listener = clock, listener
        self._running = self._playing = False
        self._began = 0.0
        self._cycles = self._cycles_before = self._taken = 0
        self._heard = False
        self._queue = np.zeros((0, channels), np.float32)
        self._fill_in = 0

    def start(self, capacity: int) -> None:
        """See `Port.start`."""
        self._running, self._began = True, self._clock()

    def play(self) -> None:
        """See `Port.play`."""
        self._advance()
        if not self._heard:
            self._heard, self._cycles_before = True, self._cycles
        self._playing = True

    def playing(self) -> bool:
        """See `Port.playing`."""
        self._advance()
        return self._playing

    def fill(self) -> int:
        """See `Port.fill`."""
        self._advance()
        return len(self._queue)

    def fill_in(self) -> int:
        """See `Port.fill_in`."""
        self._advance()
        return self._fill_in

    def write(self, frames: Array) -> None:
        """See `Port.write`."""
        self._advance()
        self._queue = np.concatenate((self._queue, frames))

    def read(self, frames: int) -> Array:
        """See `Port.read`."""
        count = min(frames, self.fill_in())
        self._fill_in -= count
        return np.zeros((count, self.channels_in), np.float32)

    def counts(self) -> tuple[int, int]:
        """See `Port.counts`."""
        self._advance()
        return (self._cycles - self._cycles_before) * self.period, self._taken

    def asked(self) -> int:
        """See `Port.asked`. The clock never stands still."""
        return round((self._clock() - self._began) * self.sample_rate)

    def alive(self) -> bool:
        """See `Port.alive`."""
        return self._running

    def close(self) -> None:
        """See `Port.close`."""
        self._running = self._playing = False

    def _advance(self) -> None:
        """Take all frames that are due by the clock since the last call."""
        elapsed = (self._clock() - self._began) * self.sample_rate
        due = int(elapsed // self.period) - self._cycles if self._running else 0
        for _ in range(due):
            self._cycles += 1
            wanted = self.period if self._playing else 0
            if self.channels_in and self._playing:
                self._fill_in += self.period
            taken, self._queue = self._queue[:wanted], self._queue[wanted:]
            self._taken += len(taken)
            self._playing = self._playing and len(taken) == wanted
            if self._listener is not None and self._heard:
                self._listener(taken)
