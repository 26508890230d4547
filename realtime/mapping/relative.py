"""Endless encoders, which send how far they were turned instead of a position.

Such a controller sends a number of steps in the 7 bits of an ordinary one, in one of three usual
encodings; steps upwards are positive:

    twos_complement   1 … 63 up, 127 … 64 down     (127 is -1)
    binary_offset     65 … 127 up, 63 … 0 down     (64 is 0)
    sign_magnitude    1 … 63 up, 65 … 127 down     (65 is -1)
"""

from __future__ import annotations

ENCODINGS = ("twos_complement", "binary_offset", "sign_magnitude")
RECOGNISE = "relative"  # in the place of an encoding: learn it from what comes
STEPS = 127  # over the whole range of a control, as many as an ordinary controller has
_FAST = 32  # no hand turns so many steps in one message


def steps_of(encoding: str, value: int) -> int:
    """The steps in a message, -64 … 63; positive is upwards.

    Args:
        encoding: one of `ENCODINGS`; value: of the controller, 0 … 127.
    """
    if encoding == "twos_complement":
        return value - 128 if value >= 64 else value
    if encoding == "binary_offset":
        return value - 64
    return -(value - 64) if value >= 64 else value


class Recognition:
    """Finds the encoding of an encoder that is turned both ways, in any order.

    One direction alone is ambiguous: 1 means up in two encodings, 65 means up in one and down in
    another. Both directions together are not.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def take(self, value: int) -> str:
        """Take a message into account; returns the encoding once it is clear, until then "".

        Args:
            value: of the controller, 0 … 127.
        """
        if 0 < value < _FAST:
            self._seen.add("low")
        elif 64 - _FAST <= value < 64:
            self._seen.add("below the middle")
        elif 64 < value < 64 + _FAST:
            self._seen.add("above the middle")
        elif value > 127 - _FAST:
            self._seen.add("high")
        if {"low", "high"} <= self._seen:
            return "twos_complement"
        if {"above the middle", "below the middle"} <= self._seen:
            return "binary_offset"
        return "sign_magnitude" if {"low", "above the middle"} <= self._seen else ""
