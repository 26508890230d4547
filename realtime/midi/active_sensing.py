"""`ActiveSensing`: notices that a sender is gone which had promised to be heard all the time."""

from __future__ import annotations

from collections.abc import Iterable

SENSE = 0xFE
# MIDI 1.0: after the first active sensing a message comes at least every 300 ms; the receiver of
# the detailed specification waits 10 % longer.
SILENCE_S = 0.33
HELD_UP_S = 0.2  # a look so long after the one before comes of a machine that was held up itself


class ActiveSensing:
    """No I/O, no clock: all times are seconds of any steady clock.

    Messages and looks may come from different threads.
    """

    def __init__(self) -> None:
        self._heard: float | None = None  # None: nothing is promised
        self._looked = 0.0

    def heard(self, data: Iterable[int], now: float) -> bool:
        """Bytes came; whether there is anything in them besides the promise to be heard."""
        data = list(data)
        if SENSE in data or self._heard is not None:
            self._heard = now
        return data != [SENSE]

    def silent(self, now: float) -> bool:
        """Whether the promise is broken now; that is said once, until the sender promises again.

        To be called at least every 0.1 s. A look that comes late itself says nothing of the sender:
        what it sent may lie about unread.
        """
        late = now - self._looked > HELD_UP_S
        self._looked = now
        heard = self._heard
        if heard is None or now - heard <= SILENCE_S:
            return False
        if late:
            self._heard = now
            return False
        self._heard = None
        return True
