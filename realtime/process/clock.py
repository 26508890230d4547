"""`SampleClock`: maps `time.monotonic()` to the sample that the engine begins to render then.

The engine process reports, some twenty times a second, when it began the block that starts at a
sample. A thread is never woken too early, but often too late, so the earliest of these moments is
the true one, and the clock is the lower edge of the reports. It follows every earlier moment at
once and rises no faster than two oscillators drift apart, so that a late thread moves it by next
to nothing.
"""

from __future__ import annotations

import threading

from realtime.namespace.event import NOW

MAX_DRIFT = 250e-6  # s/s; sound cards and computers differ by up to 100 ppm each
CORRECTION_S = 0.0005  # a block that is earlier by more than this: the map was wrong
STEP_S = 0.003  # later by more than this isn't the fault of a late thread …
STEP_PAIRS = 20  # … if it lasts for so many reports, about a second


class SampleClock:
    """A map of the computer's clock to the engine's; safe in any thread.

    Before the first report of an engine, and after `reset`, it knows nothing and answers `NOW`.

    Attributes:
        steps: how often it jumped, because the engine had stood still or all reports had been late.
    """

    def __init__(self) -> None:
        self.steps = 0
        self._lock = threading.Lock()
        # Seconds of the clock at sample 0, as of the moment `_then`.
        self._map: tuple[float, int] | None = None
        self._then = 0.0
        self._gaps = 0
        self._later: list[float] = []

    @property
    def rate(self) -> int:
        """Nominal samples a second; 0 before the first report."""
        known = self._map
        return known[1] if known else 0

    def reset(self) -> None:
        """Forget everything: the engine is gone, and the next one begins with sample 0."""
        with self._lock:
            self._map = None

    def feed(self, sample: int, monotonic: float, rate: int, gaps: int = 0) -> None:
        """Take a report: the block from `sample` on was begun at `monotonic` or just before it.

        Args:
            sample: of the engine's clock.
            monotonic: s, of `time.monotonic()`.
            rate: Hz.
            gaps: a number that changes when the sound has stood still; then the map starts anew.
        """
        offset = monotonic - sample / rate
        with self._lock:
            known, fresh = self._map, gaps != self._gaps
            self._gaps = gaps
            if known is None or fresh or known[1] != rate:
                self.steps += known is not None
                self._learn(offset, monotonic, rate)
                return
            risen = known[0] + MAX_DRIFT * max(0.0, monotonic - self._then)
            if offset <= risen:
                self.steps += offset < risen - CORRECTION_S
                self._learn(offset, monotonic, rate)
                return
            self._later = [*self._later, offset] if offset > risen + STEP_S else []
            if len(self._later) >= STEP_PAIRS:
                self.steps += 1
                self._learn(min(self._later), monotonic, rate)
            else:
                self._map, self._then = (risen, rate), monotonic

    def sample_at(self, monotonic: float) -> int:
        """The engine's sample at a moment of `time.monotonic()`, s; `NOW` while no engine plays.

        An event with that time is exact if it reaches the engine before it; otherwise it takes
        effect at the next sample rendered.
        """
        known = self._map
        return NOW if known is None else max(0, round((monotonic - known[0]) * known[1]))

    def _learn(self, offset: float, monotonic: float, rate: int) -> None:
        self._map, self._then, self._later = (offset, rate), monotonic, []
