"""The state of MIDI channels (controllers, parameter numbers, wheels, the keys that are down), and
the zones in which MIDI Polyphonic Expression groups them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

DATA_MSB, DATA_LSB, DATA_UP, DATA_DOWN = 6, 38, 96, 97
NRPN_LSB, NRPN_MSB, RPN_LSB, RPN_MSB = 98, 99, 100, 101
BEND_RANGE, FINE_TUNING, COARSE_TUNING, MPE_CONFIGURATION = 0, 1, 2, 6  # registered parameters
NULL = 0x3FFF
MEMBER_BEND_RANGE = 48.0
LOWER, UPPER = 1, 16  # the manager channels of the two zones
_SELECTS = {NRPN_LSB: "nrpn", NRPN_MSB: "nrpn", RPN_LSB: "rpn", RPN_MSB: "rpn"}
_MAX_PARAMETERS = 256  # each channel remembers the values of so many, for increments


class Parameter(NamedTuple):
    """A parameter that data entry has moved.

    Args:
        kind: "rpn" or "nrpn".
        number: 0 … 16382.
        value: 14 bits, 0 … 16383.
    """

    kind: str
    number: int
    value: int


@dataclass
class Channel:
    """The state of one channel.

    Args:
        number: 1 … 16.
        wheel: pitch wheel, -1 … 1.
        bend_range: semitones at the ends of the wheel, None until a message sets it.
        fine, coarse: tuning, semitones.
        pressure: 0 … 1.
        timbre: controller 74 as 0 … 1, the middle at rest.
        keys: the keys that are down, in order, and how often each was struck.
        controllers: the last values of all 128, 0 … 127.
    """

    number: int
    wheel: float = 0.0
    bend_range: float | None = None
    fine: float = 0.0
    coarse: float = 0.0
    pressure: float = 0.0
    timbre: float = 0.5
    keys: dict[int, int] = field(default_factory=dict)
    controllers: bytearray = field(default_factory=lambda: bytearray(128))
    _kind: str = "rpn"
    _selected: dict[str, int] = field(default_factory=lambda: {"rpn": NULL, "nrpn": NULL})
    _values: dict[tuple[str, int], int] = field(default_factory=dict)

    def control(self, number: int, value: int) -> int:
        """Remember the value of a controller.

        Args:
            number: 0 … 127.
            value: 0 … 127.

        Returns:
            For numbers below 64, the 14 bits of the pair that the controller belongs to.
        """
        self.controllers[number] = value
        if number < 32:
            self.controllers[number + 32] = 0
        pair = number % 32
        return self.controllers[pair] << 7 | self.controllers[pair + 32]

    def parameter(self, number: int, value: int) -> Parameter | None:
        """Take a controller that selects or moves a parameter.

        Args:
            number: 6, 38, or 96 to 101.
            value: 0 … 127.

        Returns:
            The parameter that it has moved, if any.
        """
        kind = _SELECTS.get(number)
        if kind is not None:
            upper = number in (NRPN_MSB, RPN_MSB)
            old = self._selected[kind]
            self._kind = kind
            self._selected[kind] = value << 7 | old & 0x7F if upper else old & 0x3F80 | value
            return None
        selected = self._selected[self._kind]
        if selected == NULL:
            return None
        key = (self._kind, selected)
        moved = self._entered(number, value, key)
        self._values.pop(key, None)
        if len(self._values) >= _MAX_PARAMETERS:
            del self._values[next(iter(self._values))]
        self._values[key] = moved
        return Parameter(self._kind, selected, moved)

    def bend(self, usual_range: float) -> float:
        """The bend by wheel and tuning, in semitones; `usual_range` holds if no message has set a
        range."""
        reach = usual_range if self.bend_range is None else self.bend_range
        return self.wheel * reach + self.fine + self.coarse

    def rest(self) -> None:
        """Reset what "reset all controllers" resets (recommended practice RP-015): wheel, pressure,
        timbre and the selected parameter; not volume, pan, bank, tuning or ranges."""
        self.wheel, self.pressure, self.timbre = 0.0, 0.0, 0.5
        self._selected = {"rpn": NULL, "nrpn": NULL}

    def _entered(self, number: int, value: int, key: tuple[str, int]) -> int:
        old = self._values.get(key, _INITIAL.get(key, 0))
        if number == DATA_MSB:
            return value << 7
        if number == DATA_LSB:
            return old & 0x3F80 | value
        step = 1 if number == DATA_UP else -1
        if key == ("rpn", BEND_RANGE):  # semitones and cents
            cents = min(max(100 * (old >> 7) + (old & 0x7F) + step, 0), 12_799)
            return cents // 100 << 7 | cents % 100
        if key == ("rpn", COARSE_TUNING):  # its lower half means nothing
            step *= 128
        return min(max(old + step, 0), NULL)


_INITIAL = {
    ("rpn", BEND_RANGE): 2 << 7,
    ("rpn", FINE_TUNING): 64 << 7,
    ("rpn", COARSE_TUNING): 64 << 7,
}


class Zones:
    """The lower and the upper zone of MPE (MIDI Polyphonic Expression 1.0).

    A zone is a manager channel, 1 or 16, and the member channels next to it, each for one note.

    Args:
        lower, upper: number of members, 0 … 15; 0 is no zone.
    """

    def __init__(self, lower: int = 0, upper: int = 0) -> None:
        self._members = {LOWER: lower, UPPER: upper}

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of members of the lower and of the upper zone."""
        return self._members[LOWER], self._members[UPPER]

    def configure(self, manager: int, members: int) -> None:
        """Set the size of a zone; the other one shrinks where they would overlap.

        Args:
            manager: 1 or 16.
            members: number of member channels, 0 … 15.
        """
        members = min(members, 15)
        other = UPPER if manager == LOWER else LOWER
        self._members[manager] = members
        if members:
            self._members[other] = min(self._members[other], max(14 - members, 0))

    def manager_of(self, channel: int) -> int | None:
        """The manager of a channel's zone (a manager is its own), or None outside the zones."""
        lower, upper = self.sizes
        if lower and channel <= LOWER + lower:
            return LOWER
        return UPPER if upper and channel >= UPPER - upper else None

    def channels(self, manager: int) -> range:
        """The channels of a zone, manager included."""
        members = self._members[manager]
        if not members:
            return range(0)
        return range(1, 2 + members) if manager == LOWER else range(16 - members, 17)
