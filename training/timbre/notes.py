"""What each recorded note is: its instrument, key and dynamics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from synth.dsp import UNKNOWN, steady_key
from training.data.datasets.place import locate
from training.data.library import Clip
from training.timbre.names import Told, told_by_name
from training.timbre.tables import find_table


class NoteLabel(NamedTuple):
    """A note.

    Attributes:
        instrument: its name.
        key: MIDI 0 … 127, with fractions where it was measured; -1: not known.
        dynamics: "pp", "mf" …; "": not known.
    """

    instrument: str
    key: float
    dynamics: str


def labels_of(clips: Sequence[Clip], data: str, sample_rate: int = 0) -> list[NoteLabel]:
    """The label of each note.

    A table beside the recordings tells, and where it leaves something out, the name of the file. A
    pitch that neither tells is measured.

    Args:
        clips: one note each.
        data: name or path of the recordings.
        sample_rate: Hz, of the clips; 0: no pitch is measured.

    Raises:
        DataError: the table is broken, or lacks a file.
    """
    place = locate(data).absolute()
    root = place if place.is_dir() else place.parent
    table = find_table(root)
    labels = []
    for clip in clips:
        file = clip.source.absolute()
        named = told_by_name(file, root)
        first = table.told(file, root) if table else Told()
        key = named.key if first.key is None else first.key
        if key is None:
            key = steady_key(clip.open()[0], sample_rate) if sample_rate else UNKNOWN
        labels.append(
            NoteLabel(first.instrument or named.instrument, key, first.dynamics or named.dynamics)
        )
    return labels
