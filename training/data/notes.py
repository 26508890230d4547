"""Instrument and key of a recorded note: from the name of its file, else from its pitch."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from synth.contract import parse_name
from synth.dsp import steady_key
from training.data.library import Clip


class Label(NamedTuple):
    """The label of a recorded note.

    Attributes:
        name: of the instrument, or of the file.
        key: MIDI note 0 … 127, with fractions where it was measured; -1 where it is not known.
    """

    name: str
    key: float


def label_of(clip: Clip, sample_rate: int) -> Label:
    """The label of a recording, whose pitch is measured only if its name tells no key.

    Args:
        clip: of one note; sample_rate: Hz.
    """
    return named(clip.source) or Label(clip.source.stem, steady_key(clip.open()[0], sample_rate))


def named(path: Path) -> Label | None:
    """The label that the name of a file tells; None where it tells no key."""
    sound, key = parse_name(path.stem)
    return None if key is None else Label(sound, float(key))
