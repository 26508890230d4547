"""`Ledger`: counts lost frames of sound by the clock and the frames taken, not by host flags.

Sound is lost in two ways. The ring runs empty, so that the device asks for frames and gets none:
that is counted exactly, as frames asked for less frames taken. Or the device's own cycles stop, so
that nobody asks: only a comparison with the clock shows that.
"""

from __future__ import annotations

import math

WINDOW_S = 0.5


class Ledger:
    """Frames lost since `start`.

    The clock and a sound card drift apart by up to 100 parts per million, which is no loss. So the
    ledger watches the lag (elapsed time in frames, less frames asked for) by its minimum over
    windows of half a second: drift moves that by 2 frames, a lost cycle by a whole period, for
    good.

    Args:
        sample_rate: Hz.
        period: frames the device takes at once; a change of the lag by less than half of that is
            no loss.
    """

    def __init__(self, sample_rate: int, period: int) -> None:
        self.sample_rate = sample_rate
        self.threshold = max(period, 1) / 2
        self.lost_device = self.lost_ring = self.longest_gap = 0
        self.started = False
        self._origin = 0.0
        self._asked = -1
        self._base = self._minimum = math.inf
        self._window_end = math.inf

    def start(self, now: float) -> None:
        """Begin at time `now` (seconds)."""
        self.started = True
        self._origin, self._window_end = now, now + WINDOW_S

    def observe(self, now: float, asked: int, taken: int) -> None:
        """Compare the device's counters with the clock; cheap enough for every block.

        Args:
            now: seconds on the clock of `start`.
            asked: frames the device has asked for since `start`.
            taken: how many of them it got.
        """
        missing = asked - taken
        if missing > self.lost_ring:
            self.longest_gap = max(self.longest_gap, missing - self.lost_ring)
            self.lost_ring = missing
        if asked > self._asked:  # else it was read in the middle of a cycle and says nothing new
            self._asked = asked
            lag = (now - self._origin) * self.sample_rate - asked
            self._minimum = min(self._minimum, lag)
        if now >= self._window_end:
            self._close_window(now)

    @property
    def lost(self) -> int:
        """All lost frames."""
        return self.lost_ring + self.lost_device

    def _close_window(self, now: float) -> None:
        if math.isinf(self._minimum):
            return
        rise = self._minimum - self._base
        if math.isfinite(rise) and abs(rise) > self.threshold:
            # A window full of late cycles can look like a loss; then the next one takes it back.
            self.lost_device = max(0, self.lost_device + round(rise))
            self.longest_gap = max(self.longest_gap, round(rise))
        self._base, self._minimum = self._minimum, math.inf
        self._window_end = now + WINDOW_S
