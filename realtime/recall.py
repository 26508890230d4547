"""`Recall`: what must be told again to a new engine so that it sounds like the one that is gone.

It listens to the same events as the engine and keeps, in the order of their last change, the last
value of everything and the notes that are held. It lives in the control process, so it is never
older than the last event, whatever happened to the engine.
"""

from __future__ import annotations

from realtime.event import NOW, Event

MAX_TARGETS = 16_384
MAX_HELD = 1_024


class Recall:
    """The state of a rack as the events that make it."""

    def __init__(self) -> None:
        self.forgotten = 0
        self._values: dict[str, tuple[float, ...]] = {}
        self._held: dict[float, tuple[float, ...]] = {}

    def note(self, event: Event) -> None:
        """Learn from an event."""
        target, value = event.target, event.value
        if target == "/note/on":
            self._held.pop(value[0] if value else -1.0, None)
            if value and (len(value) < 2 or value[1] > 0) and len(self._held) < MAX_HELD:
                self._held[value[0]] = value
        elif target == "/note/off":
            if value:
                self._held.pop(value[0], None)
        elif target in ("/panic", "/all_notes_off"):
            self._held.clear()
        elif value:
            self._set(target, value)

    def events(self) -> list[Event]:
        """All values in the order of their last change, then the notes still held."""
        values = [Event(NOW, target, value) for target, value in self._values.items()]
        return values + [Event(NOW, "/note/on", value) for value in self._held.values()]

    def clear(self) -> None:
        """Know nothing."""
        self._values.clear()
        self._held.clear()

    def _set(self, target: str, value: tuple[float, ...]) -> None:
        self._values.pop(target, None)
        if len(self._values) >= MAX_TARGETS:
            self.forgotten += 1
        else:
            self._values[target] = value
