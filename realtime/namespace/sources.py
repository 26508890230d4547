"""`Source`: a knob, key, fader or macro that a person moves, on whatever device."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from realtime.namespace.event import NOW, Event

KINDS = ("cc", "cc14", "nrpn", "rpn", "note", "pressure", "key_pressure", "osc", "macro")
ANY_CHANNEL = 0


class Source(NamedTuple):
    """One thing that a person moves.

    Positions go from 0 to 1: a controller's value / 127, 14 bits / 16383.

    Args:
        kind: "cc" (controller of 7 bits, 0 … 119), "cc14" (a pair of controllers; number of the
            upper one, 0 … 31), "nrpn" and "rpn" (0 … 16383), "note" (key; its position is the
            velocity, 0 when it ends), "pressure" (of a channel; number 0), "key_pressure" (key),
            "osc" (number is the address), "macro" (number is the name).
        number: see `kind`.
        channel: 1 … 16, or `ANY_CHANNEL` (0).
    """

    kind: str
    number: int | str
    channel: int = ANY_CHANNEL

    def __str__(self) -> str:
        where = f" channel {self.channel}" if self.channel else ""
        number = "" if self.kind == "pressure" else f" {self.number}"
        return f"{self.kind}{number}{where}"


class Mover(Protocol):
    """A map of sources to controls, as decoders use it."""

    @property
    def bend_range(self) -> float:
        """Semitones at the ends of the pitch wheel."""

    @property
    def channel(self) -> int | None:
        """The MIDI channel to listen to, 1 … 16, or None for all."""

    def moved(self, source: Source, position: float, time: int = NOW) -> tuple[Event, ...]:
        """The events of a movement; none if nothing is bound to the source.

        Args:
            source: with the channel on which it came.
            position: 0 … 1; for an OSC address, the number as it came.
            time: of the events, as in `Event`.
        """
