"""When a MIDI message came, and which sample of the engine that is.

driver's delta time ── ArrivalClock ──> time.monotonic() ── SampleTimes ──> sample
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from realtime.namespace.event import NOW

MAX_DRIFT = 250e-6  # s/s between the driver's clock and the computer's
LOST_S = 0.1  # more than this between them is a pause of the driver's clock, no late thread;
STEP_S = 0.005  # so is more than this …
STEP_MESSAGES = 8  # … if it lasts for so many messages
MARGIN_S = 0.001  # the way from the port to the engine
NEAR = 4_800  # samples; two events further apart in the wrong order belong to different engines


class ArrivalClock:
    """The driver's time of a message on `time.monotonic()`.

    Drivers stamp messages when they come and deliver them when a thread gets to it: never early,
    often late. The earliest delivery tells how the clocks lie; it is followed at once, and given up
    no faster than clocks drift apart, unless the driver's clock stood still (as JACK's does when
    its server stalls).
    """

    def __init__(self) -> None:
        self._driver = 0.0
        self._offset: float | None = None
        self._lates: list[float] = []

    def stamp(self, delta: float, arrival: float) -> float:
        """When a message came, s; never after `arrival`.

        Args:
            delta: seconds since the message before it, by the driver; 0 for the first.
            arrival: of `time.monotonic()`, when it was delivered.
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
        """The sample that belongs to a moment of `time.monotonic()`."""


class SampleTimes:
    """Samples of the engine for moments at which messages came, in their order.

    A constant delay is added, so that the distances of messages are kept: without it everything
    that came during a block would take effect at the start of the next one.

    Args:
        clock: of the engine; delay: seconds, any time anew.
    """

    def __init__(self, clock: _Clock, delay: Callable[[], float]) -> None:
        self._clock, self._delay = clock, delay
        self._last = NOW

    def __call__(self, at: float) -> int:
        """The sample for a message that came at `at` s of `time.monotonic()`, or `NOW`."""
        sample = self._clock.sample_at(at + self._delay())
        # The map moves a little all the time, which must not turn on and off round.
        if sample != NOW and 0 < self._last - sample < NEAR:
            sample = self._last
        self._last = sample
        return sample
