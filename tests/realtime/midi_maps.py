"""Maps for tests of what lies around them: sources bound to addresses."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.namespace.event import NOW, Event
from realtime.namespace.sources import Source


class Map:
    """Binds sources of any channel: `Map({("cc", 1): "/codec/position"}, channel=None)`."""

    def __init__(
        self,
        bound: dict[tuple[str, int], str] | None = None,
        bend_range: float = 2.0,
        channel: int | None = None,
    ) -> None:
        self.bound, self.bend_range, self.channel = bound or {}, bend_range, channel

    def moved(self, source: Source, position: float, time: int = NOW) -> tuple[Event, ...]:
        """See `Mover`."""
        address = self.bound.get((source.kind, int(source.number)))
        return () if address is None else (Event(time, address, (position,)),)


@dataclass(frozen=True)
class Linear:
    """A source that moves an address over 0 … 10."""

    source: Source
    target: str

    def share(self, value: float) -> float:
        return value / 10
