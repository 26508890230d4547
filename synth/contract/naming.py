"""The name of a recorded note's file: which sound it is, and on which key it was played."""

from __future__ import annotations

import re
from typing import NamedTuple

_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_NOTE = r"(?P<note>[A-Ga-g][#b]?-?\d)"
# With a velocity, `vibraphone_60_100`, `cello_A2_100`, NSynth's `guitar_acoustic_010-060-100`;
# without one, `cello_A2`, `gong_048`. The first that fits decides.
_FORMS = (
    re.compile(r"(?P<sound>.+_\d{3})-(?P<number>\d{3})-(?P<velocity>\d{3})"),
    re.compile(r"(?P<sound>.+)_(?P<number>\d{1,3})_(?P<velocity>\d{1,3})"),
    re.compile(rf"(?P<sound>.+?)[_\-\s]{_NOTE}[_\-\s](?P<velocity>\d{{1,3}})"),
    re.compile(rf"(?P<sound>.+?)[_\-\s](?:{_NOTE}|(?P<number>\d{{3}}))"),
)


class NoteName(NamedTuple):
    """What a name says.

    Attributes:
        sound: the name of the sound; the whole name where it says no key.
        key: MIDI key 0 … 127 (C4 is 60), None where the name says none.
    """

    sound: str
    key: int | None


def parse_name(stem: str) -> NoteName:
    """Sound and key out of a file's name without its suffix.

    The key is a note name (`C4`, `F#3`, `Bb2`) or a MIDI number: of three digits (`048`; `take_2`
    is a name), or of any where a velocity follows. Keys and velocities over 127 are part of the
    name.

    >>> tuple(parse_name("violin_F#3")), tuple(parse_name("gong_048")), tuple(parse_name("door"))
    (('violin', 54), ('gong', 48), ('door', None))
    >>> tuple(parse_name("vibraphone_60_100")), tuple(parse_name("cello_A2_100"))
    (('vibraphone', 60), ('cello', 45))
    """
    for form in _FORMS:
        match = form.fullmatch(stem)
        if match:
            said = match.groupdict()
            key = int(said["number"]) if said.get("number") else _key(said["note"])
            fits = 0 <= key <= 127 and int(said.get("velocity") or 0) <= 127
            return NoteName(said["sound"], key) if fits else NoteName(stem, None)
    return NoteName(stem, None)


def _key(note: str) -> int:
    """MIDI key of a note name such as `Bb2`."""
    accidental = {"#": 1, "b": -1}.get(note[1], 0)
    octave = int(note[2:] if accidental else note[1:])
    return _STEPS[note[0].lower()] + accidental + 12 * (octave + 1)
