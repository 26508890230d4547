"""`HeldNotes`: the keys and pedals that each client holds, to be released when it is gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from realtime.namespace.event import Event

MAX_HELD = 1_024  # keys and pedals of one client; no hand holds more
# Before an address for one MIDI channel stands the channel's number.
_FORM = re.compile(
    r"((?:/channel/[0-9]+)?)/(note/on|note/off|all_notes_off|panic|sustain|sostenuto|soft)"
)
_PEDALS = ("sustain", "sostenuto", "soft")


class _Hold(NamedTuple):
    """A key or a pedal that is down: the prefix of its address, the name of the pedal ("" for a
    key), the key, and the note's id (0 for none)."""

    prefix: str
    pedal: str = ""
    key: float = 0.0
    ident: float = 0.0

    def end(self, at: int) -> Event:
        """The event that releases it."""
        if self.pedal:
            return Event(at, f"{self.prefix}/{self.pedal}", (0.0,))
        note = (self.key, self.ident) if self.ident else (self.key,)
        return Event(at, f"{self.prefix}/note/off", note)


class HeldNotes:
    """Keys and pedals that clients hold, each with the time at which it went down. For one thread.

    It follows only clients whose end is noticed: the note of a program that sends one message and
    ends is meant to go on sounding.
    """

    def __init__(self) -> None:
        self._held: dict[Hashable, dict[_Hold, int]] = {}

    def follow(self, client: Hashable) -> None:
        """Keep account of what a client holds from now on."""
        self._held.setdefault(client, {})

    def observe(self, client: Hashable, events: Sequence[Event]) -> None:
        """Take the key and pedal events of any client into account, followed or not."""
        if not self._held:
            return
        for event in events:
            form = _FORM.fullmatch(event.target)
            if form is not None:
                self._learn(client, form[1], form[2], event)

    def release(self, client: Hashable) -> list[Event]:
        """Stop following a client; returns the events that release what it alone holds. A note that
        is still to begin ends at its beginning."""
        held = self._held.pop(client, {})
        others = self._held.values()
        return [hold.end(at) for hold, at in held.items() if not any(hold in o for o in others)]

    def _learn(self, client: Hashable, prefix: str, what: str, event: Event) -> None:
        if what in ("all_notes_off", "panic"):
            for held in self._held.values():
                _drop(held, lambda hold: not hold.pedal and hold.prefix.startswith(prefix))
            return
        own = self._held.get(client)
        if own is None:
            return
        if what == "note/off":
            key, ident = (*event.value, 0.0)[:2]
            _drop(own, lambda hold: hold[:3] == (prefix, "", key) and ident in (0.0, hold.ident))
        elif what in _PEDALS and event.value[0] < 0.5:
            own.pop(_Hold(prefix, what), None)
        elif len(own) < MAX_HELD:
            own[_hold(prefix, what, event.value)] = event.time


def _hold(prefix: str, what: str, value: tuple[float, ...]) -> _Hold:
    if what in _PEDALS:
        return _Hold(prefix, what)
    return _Hold(prefix, "", value[0], value[2] if len(value) > 2 else 0.0)


def _drop(held: dict[_Hold, int], gone: Callable[[_Hold], bool]) -> None:
    for hold in [hold for hold in held if gone(hold)]:
        del held[hold]
