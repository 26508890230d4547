"""`Event`: the one kind of message that changes a sound, wherever it comes from."""

from __future__ import annotations

from typing import NamedTuple

NOW = -1


class Event(NamedTuple):
    """Something that happens to a sound at one sample.

    Args:
        time: sample of the engine's clock at which it takes effect; `NOW` (or anything in the
            past) means the next sample rendered.
        target: the text of an `Address`, which says the value of a control or of one element, or
            with `/pressure`, `/timbre` (depth) or `/sync` (beats, low, high) behind it what moves
            that besides; or one of `GLOBAL_EVENTS` with its arguments. Those of a note may have
            its id behind them (0 or none: every note of the key).
        value: finite numbers; what they mean is the target's business.
    """

    time: int
    target: str
    value: tuple[float, ...] = ()
