"""What the name of a note's file tells: instrument, key and dynamics, any of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from synth.contract import parse_name

# Velocities that notation programs give to dynamics, sixteen steps apart.
DYNAMICS = {"ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 127}

_NOTE = r"[A-Ga-g][#b]?-?\d"
_KEYED = re.compile(rf"(?:{_NOTE}|\d{{1,3}})(?:[_\-\s](?P<velocity>\d{{1,3}}))?")
_BARE = re.compile(rf"(?P<note>{_NOTE})(?:[_\-\s](?P<velocity>\d{{1,3}}))?")
_DYNAMICS = re.compile(rf"(?:^|[_\-\s])(?P<dynamics>{'|'.join(DYNAMICS)})(?=[_\-\s]|$)")
# TinySOL: instrument, technique, pitch, dynamics, string, and what was done to the note.
_TINYSOL = re.compile(rf"(?P<sound>[A-Za-z]+)-ord-(?P<note>{_NOTE})-(?P<dynamics>[pmf]+)-.+")
_TAKE = re.compile(r"[_\-\s]*\d+$")


class Told(NamedTuple):
    """What is told of a note.

    Attributes:
        instrument: its name; "": not told.
        key: MIDI 0 … 127; None: not told.
        dynamics: "pp", "mf" …; "": not told.
    """

    instrument: str = ""
    key: float | None = None
    dynamics: str = ""


def dynamics_of(velocity: float) -> str:
    """The dynamics whose usual velocity is nearest.

    Args:
        velocity: MIDI 1 … 127.

    >>> [dynamics_of(velocity) for velocity in (25, 50, 75, 100, 127)]
    ['pp', 'p', 'mf', 'f', 'fff']
    """
    return min(DYNAMICS, key=lambda name: abs(DYNAMICS[name] - velocity))


def told_by_name(path: Path, root: Path) -> Told:
    """What a file's name tells, and where that tells no instrument, its folder.

    Names are `<instrument>_<key>_<velocity>`, with a note name or a MIDI number for a key, with or
    without a velocity, with dynamics such as `pp` as a part of their own; NSynth's; TinySOL's.

    Args:
        path: of the file; root: folder of all recordings, which names no instrument.
    """
    folder = path.parent.name if path.parent != root else ""
    solo = _TINYSOL.fullmatch(path.stem)
    if solo:
        instrument = path.parent.parent.name if folder == "ordinario" else solo["sound"]
        return Told(instrument, _key(solo["note"]), solo["dynamics"])
    found = _DYNAMICS.search(path.stem)
    dynamics = found["dynamics"] if found else ""
    stem = path.stem.replace(found[0], "", 1).strip("_- ") if found else path.stem
    bare = _BARE.fullmatch(stem)
    if bare:
        return Told(folder or path.stem, _key(bare["note"]), dynamics or _struck(bare["velocity"]))
    sound, key = parse_name(stem)
    if key is None:
        return Told(folder or _TAKE.sub("", stem) or path.stem, None, dynamics)
    keyed = _KEYED.fullmatch(stem[len(sound) + 1 :])
    velocity = keyed["velocity"] if keyed else None
    return Told(sound, float(key), dynamics or _struck(velocity))


def _struck(velocity: str | None) -> str:
    return dynamics_of(float(velocity)) if velocity else ""


def _key(note: str) -> float | None:
    key = parse_name(f"note_{note}").key
    return None if key is None else float(key)
