"""`Faders`: the messages that a controller with motor faders or lit rings needs. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from realtime.namespace.sources import Source

HOLD_S = 0.3  # for so long after a movement, the hand is assumed to be on the controller
MAX_AT_ONCE = 20  # messages; 50 times a second, that is all that a MIDI cable carries

Values = Callable[[str], tuple[float, ...] | None]


class Bound(Protocol):
    """A source that moves a control."""

    @property
    def source(self) -> Source:
        """The knob or fader."""

    @property
    def target(self) -> str:
        """Address of the control, or of one element."""

    def share(self, value: float) -> float:
        """The position of the source, 0 … 1, that belongs to a value of the control."""


class Faders:
    """Keeps the positions of a device's controllers equal to the controls that they move.

    A controller is sent nothing while the player's hand is on it, nor afterwards if the control is
    where the player has brought it: only changes that come from elsewhere are sent back.

    Args:
        bindings: returns the current bindings; controllers of 7 bits ("cc") and of 14 bits ("cc14")
            are served.
        channel: to send on, 1 … 16, for sources without a channel.
    """

    def __init__(self, bindings: Callable[[], Iterable[Bound]], channel: int = 1) -> None:
        self._bindings, self._channel = bindings, channel
        self._stands: dict[tuple[str, int, int], int] = {}
        self._held_until: dict[tuple[str, int], float] = {}
        self._first = 0

    def heard(self, message: bytes, now: float) -> None:
        """Take note of a message that came from the device at `now`, s of any steady clock."""
        if len(message) == 3 and message[0] >> 4 == 0xB:
            self._held_until["cc", message[1]] = now + HOLD_S
            self._held_until["cc14", message[1] % 32] = now + HOLD_S

    def forget(self) -> None:
        """Send everything anew: another device may be there."""
        self._stands.clear()

    def due(self, values: Values, now: float) -> list[bytes]:
        """The messages to send now, at most 20; the others follow the next time.

        Args:
            values: returns the last value of an address, or None.
            now: s, of the same clock as in `heard`.
        """
        bindings = list(self._bindings())
        messages: list[bytes] = []
        for at in range(len(bindings)):
            if len(messages) >= MAX_AT_ONCE:
                self._first = (self._first + at) % len(bindings)
                break
            messages += self._moved(bindings[(self._first + at) % len(bindings)], values, now)
        return messages

    def _moved(self, binding: Bound, values: Values, now: float) -> list[bytes]:
        kind, number, channel = binding.source
        value = values(binding.target) if kind in ("cc", "cc14") else None
        if not value or len(value) != 1 or not isinstance(number, int):
            return []
        stand = round(binding.share(value[0]) * (127 if kind == "cc" else 16383))
        place = (kind, number, channel or self._channel)
        held = now < self._held_until.get((kind, number), 0.0)
        stood, self._stands[place] = self._stands.get(place), stand
        if held or stand == stood:
            return []
        status = 0xB0 | place[2] - 1
        if kind == "cc":
            return [bytes((status, number, stand))]
        return [bytes((status, number, stand >> 7)), bytes((status, number + 32, stand & 0x7F))]
