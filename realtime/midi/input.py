"""`MidiInput`: a MIDI input port whose bytes are decoded to events."""

from __future__ import annotations

import time
from collections.abc import Callable

from realtime.midi.decoder import MidiDecoder
from realtime.midi.port import MidiPort
from realtime.namespace.event import NOW, Event
from realtime.namespace.sources import Mover
from realtime.protocol.midi_parser import MidiParser


class MidiInput(MidiPort):
    """Listens from construction to `close`; a context manager.

    When the port is unplugged or closed, it lets go of everything: pedals and wheels that were
    moved return to rest, a running clock stops, notes end.

    Args:
        port, api: see `MidiPort`; a virtual port is called "synth".
        sink: takes each event, in order, on a thread of this object or on the one that calls
            `check`, `renew` or `close`; must not block. An event is counted as `dropped` if it
            raises.
        mapping: the map of controllers; can be replaced while the port is open.
        when: returns the engine's sample for a time, s of `time.monotonic()`; without it events
            take effect `NOW`.
        heard: takes each whole message, before its events.
        members: of an MPE zone that exists from the start, 0 … 15.

    Raises:
        ConfigError: the API's name is unknown.
        DeviceError: no MIDI system runs or answers, or no port fits; the message lists the ports.
    """

    def __init__(
        self,
        port: str | None,
        sink: Callable[[Event], None],
        mapping: Mover,
        api: str = "",
        when: Callable[[float], int] | None = None,
        heard: Callable[[bytes], None] | None = None,
        members: int = 0,
    ) -> None:
        self._sink, self._when, self._listener = sink, when, heard
        self._decoder, self._parser = MidiDecoder(mapping, members), MidiParser()
        self._dropped = 0
        self._held: dict[str, tuple[float, ...]] = {}
        self.last_error = ""
        super().__init__(port, api, "input")

    @property
    def mapping(self) -> Mover:
        """The current map of controllers."""
        return self._decoder.mapping

    @mapping.setter
    def mapping(self, mapping: Mover) -> None:
        self._decoder.mapping = mapping

    @property
    def counters(self) -> dict[str, int]:
        """Counts: `messages`, `ignored` and `malformed` ones, and events `dropped` by the sink."""
        return {**self._decoder.counters, "dropped": self._dropped}

    def _midi(self, data: bytes, at: float) -> None:
        for message in self._parser.feed(data):
            if self._listener is not None:
                self._listener(message)
            events = self._decoder.decode(message, at)
            if events:
                due = self._when(at) if self._when is not None else NOW
                for event in events:
                    self._give(event._replace(time=due))

    def _lost(self) -> None:
        due = self._when(time.monotonic()) if self._when is not None else NOW
        moved = {target for target, value in self._held.items() if any(value)}
        for event in self._decoder.release():
            if event.target in moved or not event.value:
                self._give(event._replace(time=due))
        self._held.clear()
        self._parser = MidiParser()

    def _give(self, event: Event) -> None:
        self._held[event.target] = event.value
        try:
            self._sink(event)
        except Exception as error:  # noqa: BLE001 - a sink's fault must not end the MIDI thread
            self._dropped += 1
            self.last_error = f"{event.target}: {type(error).__name__}: {error}"
