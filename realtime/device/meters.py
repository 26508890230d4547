"""`Meters`: measures how long blocks take, and counts the late ones by cause."""

from __future__ import annotations

import numpy as np

HISTORY = 1024
CAUSES = ("render", "thread", "device")


class Meters:
    """The timing of blocks. One thread writes, another may read: plain numbers, no locks.

    A block is late if it took longer to render than it lasts ("render"), or if its thread was woken
    more than a block too late ("thread"). That is no loss yet: the look-ahead may cover it. An
    underrun is a loss, with the same causes, or "device" if the device took many frames at once.
    """

    def __init__(self) -> None:
        self.blocks = self.late_render = self.late_thread = 0
        self.underruns = dict.fromkeys(CAUSES, 0)
        self._seconds = np.zeros(HISTORY, np.float64)
        self._worst = 0.0
        self._last = 0.0

    def block(self, render_s: float, late_s: float, duration_s: float) -> None:
        """Count one block.

        Args:
            render_s: seconds that its rendering took.
            late_s: seconds by which it was begun too late.
            duration_s: seconds that it lasts.
        """
        self._seconds[self.blocks % HISTORY] = render_s
        self.blocks += 1
        self._last = render_s
        if render_s > self._worst:
            self._worst = render_s
        if render_s > duration_s:
            self.late_render += 1
        elif late_s > duration_s:
            self.late_thread += 1

    def underrun(self, late_s: float, duration_s: float) -> None:
        """Count one underrun: the ring ran empty.

        Args:
            late_s: seconds by which the thread was behind its plan.
            duration_s: seconds that a block lasts.
        """
        if self._last > duration_s:
            self.underruns["render"] += 1
        elif late_s > duration_s / 2:
            self.underruns["thread"] += 1
        else:
            self.underruns["device"] += 1

    def read(self, duration_s: float) -> dict[str, float | int]:
        """Counts since the start, and the times of the last 1024 blocks.

        `load` is the mean share of a block's duration that its rendering took, `load_max` the
        largest one since the last reading.

        Args:
            duration_s: seconds that a block lasts.
        """
        seen = np.sort(self._seconds[: max(1, min(self.blocks, HISTORY))])
        worst, self._worst = self._worst, 0.0
        half, most = seen[len(seen) // 2], seen[(len(seen) * 99) // 100]
        return {
            "blocks": self.blocks,
            "load": round(float(seen.mean()) / duration_s, 4),
            "load_max": round(worst / duration_s, 4),
            "render_p50_ms": round(1000 * float(half), 3),
            "render_p99_ms": round(1000 * float(most), 3),
            "late_render": self.late_render,
            "late_thread": self.late_thread,
            "underruns": sum(self.underruns.values()),
            **{f"underruns_{cause}": count for cause, count in self.underruns.items()},
        }
