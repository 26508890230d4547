"""Glides: an event that names where a control shall be after a time, and all steps on the way.

`/glide/<address>` with the values `(seconds, *end)` is one event, made where a snapshot is recalled
or a controller smoothed. The engine makes the steps, a hundred a second at samples of its own
clock: so they are as many however the event came, and a replay makes the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from realtime.namespace.event import NOW, Event

PREFIX = "/glide"
_PREFIX = PREFIX + "/"
MAX_SECONDS = 3600.0


def glide(address: str, seconds: float, values: Sequence[float], time: int = NOW) -> Event:
    """The event that brings a control, or an element of it, to `values` in `seconds`."""
    if seconds <= 0:
        return Event(time, address, tuple(values))
    return Event(time, PREFIX + address, (min(seconds, MAX_SECONDS), *values))


def is_glide(target: str) -> bool:
    """Whether an event of this target begins a glide, or takes the steps of all."""
    return target.startswith(_PREFIX) or target == PREFIX


def goal(target: str) -> str:
    """The address that a glide moves; of other events, their own."""
    return target[len(PREFIX) :] if target.startswith(_PREFIX) else target


def landed(event: Event) -> Event:
    """What is so once a glide has ended; other events as they are."""
    if not event.target.startswith(_PREFIX):
        return event
    return Event(event.time, goal(event.target), event.value[1:])
