"""The time at which a MIDI message came, and the engine's sample for it.

driver's delta time ── ArrivalClock ──> time.monotonic() ── SampleTimes ──> sample
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from realtime.namespace.event import NOW

MAX_DRIFT = 250e-6  # s/s between the driver's clock and the computer's
LOST_S = 0.1  # more than this between them: the driver's clock stood still, no thread is so late;
STEP_S = 0.005  # so it did for more than this …
STEP_MESSAGES = 8  # … if that lasts for so many messages
MARGIN_S = 0.001  # for the way from the port to the engine
NEAR = 4_800  # samples; events in the wrong order by more than this belong to different engines


class ArrivalClock:
    """Converts the driver's time of a message to `time.monotonic()`.

    Drivers stamp messages when they come and deliver them when a thread gets to it: never early,
    often late. The earliest delivery shows the offset between the clocks. The clock follows it at
    once, and leaves it no faster than clocks drift apart, unless the driver's clock stood still (as
    JACK's does when its server stalls).
    """

    def __init__(self) -> None:
        self._driver = 0.0
        self._offset: float | None = None
        self._lates: list[float] = []

    def stamp(self, delta: float, arrival: float) -> float:
        """The time at which a message came, s of `time.monotonic()`; never after `arrival`.

        Args:
            delta: seconds since the message before it, by the driver; 0 for the first.
            arrival: s, the `time.monotonic()` of its delivery.
        """
        self._driver += delta
        offset = arrival - self._driver
        expected = offset if self._offset is None else self._offset + MAX_DRIFT * delta
        late = offset - expected
        self._lates = [*self._lates, late] if late > STEP_S else []
        if not 0.0 <= late < LOST_S:
            expected, self._lates = offset, []
        elif len(self._lates) >= STEP_MESSAGES:
            expected, self._lates = expected + min(self._lates), []
        self._offset = expected
        return self._driver + expected


class _Clock(Protocol):
    def sample_at(self, monotonic: float) -> int:
        """The engine's sample at a moment of `time.monotonic()`, s."""


class SampleTimes:
    """Maps the times of messages to samples of the engine, and keeps their order.

    A constant delay is added, so that the messages keep their distances: without it, all messages
    that come during a block would take effect at the start of the next one.

    Args:
        clock: of the engine.
        delay: returns the delay in seconds; called for each message.
    """

    def __init__(self, clock: _Clock, delay: Callable[[], float]) -> None:
        self._clock, self._delay = clock, delay
        self._last = NOW

    def __call__(self, at: float) -> int:
        """The sample for a message that came at `at` s of `time.monotonic()`, or `NOW`."""
        sample = self._clock.sample_at(at + self._delay())
        # The map moves a little all the time; that must not swap a note's on and off.
        if sample != NOW and 0 < self._last - sample < NEAR:
            sample = self._last
        self._last = sample
        return sample
