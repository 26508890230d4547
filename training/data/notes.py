"""Instrument and key of a recorded note: from the name of its file, else from its pitch."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from synth.contract import parse_name
from synth.dsp import pitch_track
from training.data.library import Array, Clip

UNKNOWN = -1.0
_MOMENTS_PER_SECOND = 20
_STEADY = 0.5  # semitones at most between the quartiles of a note's pitch
_VOICED = 0.3  # share of the moments that need a pitch: a note may die away early


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
    return named(clip.source) or Label(clip.source.stem, heard(clip.open()[0], sample_rate))


def named(path: Path) -> Label | None:
    """The label that the name of a file tells; None where it tells no key."""
    sound, key = parse_name(path.stem)
    return None if key is None else Label(sound, float(key))


def heard(audio: Array, sample_rate: int) -> float:
    """MIDI key of one steady note, to a hundredth, or -1 where no steady pitch is found.

    Args:
        audio: `[samples]`; sample_rate: Hz.
    """
    found = pitch_track(audio, sample_rate, max(1, sample_rate // _MOMENTS_PER_SECOND))
    if np.mean(found.voiced) < _VOICED:
        return UNKNOWN
    keys = 69 + 12 * np.log2(found.hz[found.voiced] / 440)
    low, middle, high = np.percentile(keys, (25, 50, 75))
    if high - low > _STEADY or not 0 <= middle <= 127:
        return UNKNOWN
    return round(float(middle), 2)
