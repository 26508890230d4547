"""`Overload`: warns that the machine doesn't keep up, and says what helps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

TOLD_S = 10.0  # seconds for which a warning stays after the last overload
HIGH_LOAD = 0.9
BUSY_LOAD = 0.5  # below it a block that came too late was one long step, not too much work
MAX_LOOKAHEAD = 64  # blocks


class Overload:
    """Compares the counters of a session from one look to the next.

    Args:
        voices: notes at a time in this session; lookahead: blocks, 0 for the default.
    """

    def __init__(self, voices: int, lookahead: int) -> None:
        self._voices, self._lookahead = voices, lookahead
        self._before: dict[str, float] | None = None
        self._until = 0.0
        self._words = ""

    @property
    def words(self) -> str:
        """The warning, for ten seconds after an overload; then ""."""
        return self._words if time.monotonic() < self._until else ""

    def look(self, stats: Mapping[str, Any], driver: Mapping[str, Any]) -> str:
        """Compare with the previous look; returns the warning if it is new, else "".

        Args:
            stats: counters of the driver and its meters; driver: settings that the device accepted.
        """
        names = ("lost_frames", "late_render", "late_thread", "underruns_render")
        now = {name: float(stats.get(name, 0)) for name in names}
        before, self._before = self._before, now
        # A new engine counts from 0 again.
        if before is None or any(now[name] < before[name] for name in names):
            return ""
        more = {name: now[name] - before[name] for name in names}
        words = self._judge(more, stats, driver)
        if not words:
            return ""
        fresh = self.words == ""
        self._words, self._until = words, time.monotonic() + TOLD_S
        return words if fresh else ""

    def _judge(
        self, more: Mapping[str, float], stats: Mapping[str, Any], driver: Mapping[str, Any]
    ) -> str:
        load, lost = float(stats.get("load", 0.0)), more["lost_frames"]
        if load >= HIGH_LOAD or (more["underruns_render"] and load >= BUSY_LOAD):
            what = f"overload: rendering takes {load:.0%} of the time there is"
            return f"{what}{_lost(lost)}; {self._fewer_voices(stats)}"
        if lost:
            late = more["late_render"] + more["late_thread"]
            what = "blocks came too late" if late else "the device took its sound too fast"
            return f"{what}{_lost(lost)}; {self._longer_lookahead(driver)}"
        return ""

    def _fewer_voices(self, stats: Mapping[str, Any]) -> str:
        sounding = int(stats.get("engine", {}).get("active_voices", 0))
        if self._voices > 1 and sounding > 1:
            fewer = max(1, min(self._voices, sounding) // 2)
            return f"fewer notes help: --voices {fewer} (now {self._voices}), or longer --block"
        return "a longer --block helps, or a smaller instrument"

    def _longer_lookahead(self, driver: Mapping[str, Any]) -> str:
        used = int(driver.get("ring", 0)) // max(int(driver.get("block", 0)), 1)
        blocks = self._lookahead or used or 2
        if blocks >= MAX_LOOKAHEAD:
            return "other programs keep this machine busy: close some"
        longer = min(2 * blocks, MAX_LOOKAHEAD)
        return f"rendering further ahead helps: --lookahead {longer} (now {blocks})"


def _lost(frames: float) -> str:
    return f", {frames:.0f} frames lost" if frames else ""
