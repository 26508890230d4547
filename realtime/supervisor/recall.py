"""`Recall`: remembers the events that make a new engine sound like the one that is gone.

It observes the same events as the engine and keeps the last value of everything, in the order of
the last changes, and the notes that are held. It lives in the control process, so it always knows
the last event, whatever happened to the engine.
"""

from __future__ import annotations

from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import landed
from realtime.namespace.global_addresses import GLOBAL_EVENTS

_RUNNING = {"/transport/start": True, "/transport/continue": True, "/transport/stop": False}
MAX_TARGETS = 16_384
MAX_HELD = 1_024


class Recall:
    """The state of a rack, as the events that bring it about.

    Attributes:
        forgotten: values that found no room.
    """

    def __init__(self) -> None:
        self.forgotten = 0
        self._values: dict[str, tuple[float, ...]] = {}
        self._held: dict[tuple[int, float, int], dict[str, tuple[float, ...]]] = {}
        self._running = False

    def observe(self, event: Event) -> None:
        """Take note of an event; of a glide, its end is kept."""
        event = landed(event)
        target, value = event.target, event.value
        known = GLOBAL_EVENTS.get(target)  # None for a control
        base, channel = (known.base, known.channel) if known is not None else ("", 0)
        if base == "/note/on":
            self._begin(target, channel, value)
        elif base == "/note/off":
            for note in self._named(channel, value[:1], value[1:]):
                del self._held[note]
        elif known is not None and known.note:
            for note in self._named(channel, value[:1], value[2:]):
                self._held[note][target] = (*value[:2], float(note[2]))
        elif base in ("/panic", "/all_notes_off"):
            self._held = {note: v for note, v in self._held.items() if channel not in (0, note[0])}
        elif target in _RUNNING:
            self._running = _RUNNING[target]
        elif value and (known is None or known.recalled):
            self._set(target, value)

    def events(self) -> list[Event]:
        """All values in the order of their last change, then the notes still held."""
        values = [Event(NOW, target, value) for target, value in self._values.items()]
        if self._running:
            values.append(Event(NOW, "/transport/continue"))
        notes = [Event(NOW, t, v) for note in self._held.values() for t, v in note.items()]
        return values + notes

    def _begin(self, target: str, channel: int, value: tuple[float, ...]) -> None:
        if not value:
            return
        ident = int(value[2]) if len(value) > 2 else 0
        if len(value) > 1 and value[1] <= 0:
            for note in self._named(channel, value[:1], value[2:]):
                del self._held[note]
            return
        self._held.pop((channel, value[0], ident), None)
        if len(self._held) < MAX_HELD:
            self._held[channel, value[0], ident] = {target: value}

    def _named(
        self, channel: int, key: tuple[float, ...], ident: tuple[float, ...]
    ) -> list[tuple[int, float, int]]:
        """The held notes of a key on a channel: the one with the id, or all without an id."""
        if not key:
            return []
        if ident and ident[0]:
            note = (channel, key[0], int(ident[0]))
            return [note] if note in self._held else []
        return [note for note in self._held if note[:2] == (channel, key[0])]

    def _set(self, target: str, value: tuple[float, ...]) -> None:
        self._values.pop(target, None)
        if len(self._values) >= MAX_TARGETS:
            self.forgotten += 1
        else:
            self._values[target] = value
