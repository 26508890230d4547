"""`Event`: the one kind of message that changes a sound, wherever it comes from."""

from __future__ import annotations

from typing import NamedTuple

NOW = -1


class Event(NamedTuple):
    """Something that happens to a sound at one sample.

    Args:
        time: sample of the engine's clock at which it takes effect; `NOW` (or anything in the
            past) means the next sample rendered.
        target: the text of an `Address`, to set a control or an element, or to modulate it by
            `/pressure` or `/timbre` (depth) or by `/sync` (beats, low, high); or one of
            `GLOBAL_EVENTS`. Those that concern a note may have its id as a last number (0 or none:
            every note of the key).
        value: finite numbers, whose meaning depends on the target.
    """

    time: int
    target: str
    value: tuple[float, ...] = ()
