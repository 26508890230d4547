"""`Event`: the one kind of message that changes a sound, wherever it comes from."""

from __future__ import annotations

from typing import NamedTuple

NOW = -1


class Event(NamedTuple):
    """Something that happens to a sound at one sample.

    Args:
        time: sample of the engine's clock at which it takes effect; `NOW` (or anything in the
            past) means the next sample rendered.
        target: an address: `/<plugin>/<control>`, `/<plugin>/<control>/<i>`, either of them with
            `/pressure`, `/timbre` (depth) or `/sync` (beats, low, high) behind it, or one of
            `/note/on` (key, velocity 0 … 127, id), `/note/off` (key, id), `/note/bend` (key,
            semitones, id), `/note/pressure` and `/note/timbre` (key, 0 … 1, id; an id of 0 or none
            is every note of the key), `/pitch_bend` (semitones), `/pressure`, `/timbre` (0 … 1),
            `/sustain`, `/sostenuto`, `/soft` (0 or 1), `/program` (index), `/all_notes_off`,
            `/panic`, `/gain` (dB), `/tempo` (beats a minute), `/transport/start`,
            `/transport/stop`, `/transport/continue`, `/transport/position` (beats).
        value: finite numbers; what they mean is the target's business.
    """

    time: int
    target: str
    value: tuple[float, ...] = ()
