"""Glides: an event that brings a control to a value within a time, in many small steps.

`/glide/<address>` with the values `(seconds, *end)` is one event, made when a snapshot is recalled
or a controller is smoothed. The engine makes the steps, a hundred a second, at samples of its own
clock. So there are as many of them whichever way the event came, and a replay makes the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from realtime.namespace.event import NOW, Event

PREFIX = "/glide"
_PREFIX = PREFIX + "/"
MAX_SECONDS = 3600.0


def glide(address: str, seconds: float, values: Sequence[float], time: int = NOW) -> Event:
    """The event that brings a control, or an element of it, to new values.

    Args:
        address: of the control or element.
        seconds: duration, at most 3600; 0 sets the values at once.
        values: one number per element, in the control's unit.
        time: as in `Event`.
    """
    if seconds <= 0:
        return Event(time, address, tuple(values))
    return Event(time, PREFIX + address, (min(seconds, MAX_SECONDS), *values))


def is_glide(target: str) -> bool:
    """Whether an event of this target begins a glide, or moves all glides on by a step."""
    return target.startswith(_PREFIX) or target == PREFIX


def goal(target: str) -> str:
    """The address that a glide moves; of other events, their own."""
    return target[len(PREFIX) :] if target.startswith(_PREFIX) else target


def landed(event: Event) -> Event:
    """The event that sets the end of a glide at once; other events as they are."""
    if not event.target.startswith(_PREFIX):
        return event
    return Event(event.time, goal(event.target), event.value[1:])
