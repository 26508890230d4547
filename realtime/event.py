"""`Event`: the one kind of message that changes a sound, wherever it comes from."""

from __future__ import annotations

from typing import NamedTuple

NOW = -1


class Event(NamedTuple):
    """Something that happens to a sound at one sample.

    Args:
        time: sample of the engine's clock at which it takes effect; `NOW` (or anything in the
            past) means the next sample rendered.
        target: an address: `/<plugin>/<control>`, `/<plugin>/<control>/<i>`, or one of `/note/on`
            (key, velocity 0 … 127), `/note/off` (key), `/pitch_bend` (semitones), `/sustain`
            (0 or 1), `/program` (index), `/all_notes_off`, `/panic`, `/gain` (dB).
        value: finite numbers; what they mean is the target's business.
    """

    time: int
    target: str
    value: tuple[float, ...] = ()
